"""Looks up the IAM role of the setting `role.arn`, and judges its trust policy; never changes it."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.cluster import look_up
from components.aws.pod_trust import PodTrust
from components.aws.settings import ExistingRoleSettings
from components.aws.trust_policy import judge_trust
from components.errors import DeploymentError


@dataclass(frozen=True)
class ExistingRole:
    """The role, as IAM describes it."""

    path: str
    """IAM path; begins and ends with a slash."""
    unique_id: str


def trusted_role(
    role: ExistingRoleSettings, trust: PodTrust, *, account_id: str, provider: aws.Provider
) -> ExistingRole:
    """Look up a role that Vault's pods may assume.

    ``account_id`` is the account of the cluster and of ``provider``. Raises :class:`DeploymentError` if the
    role is of another account or can't be read, or if its trust policy doesn't let the pods assume it.
    """
    if role.account_id != account_id:
        raise DeploymentError(
            f"The role {role.arn} (role.arn) is of account {role.account_id}, and the cluster's account is "
            f"{account_id}: IAM shows a role's trust policy within its account only. Set role.arn to a role "
            f"of account {account_id}."
        )
    found = look_up(
        f"The role {role.arn} (role.arn) can't be read",
        "Check role.arn, and that the AWS credentials in use may iam:GetRole on it "
        f"(aws iam get-role --role-name {role.name}).",
        lambda: aws.iam.get_role(name=role.name, opts=pulumi.InvokeOptions(provider=provider)),
    )
    # IAM finds a role by its name alone.
    if found.arn != role.arn:
        raise DeploymentError(f"The role {role.name} is {found.arn}: set role.arn to that.")
    judged = judge_trust(found.assume_role_policy, trust)
    if judged.problems:
        raise DeploymentError(
            f"The trust policy of {role.arn} (role.arn) doesn't let Vault's pods assume it: "
            f"{'; '.join(judged.problems)}.\nAdd this statement to it (aws iam update-assume-role-policy "
            f"--role-name {role.name} replaces the whole document):\n"
            f"{json.dumps(trust.statement(), indent=2)}"
        )
    if judged.any_service_account:
        pulumi.log.warn(
            f"Pods of other service accounts of the cluster may assume {role.arn} (role.arn), and so use "
            f"Vault's key: its trust policy names no single one (StringEquals on {trust.limiting_key}). Of "
            "Vault's pods "
            f"{', '.join(f'the {claim.what} is {claim.value}' for claim in trust.claims)}."
        )
    return ExistingRole(path=found.path, unique_id=found.unique_id)

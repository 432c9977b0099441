"""Looks up the KMS key of the setting `key.arn`; never changes it."""

import pulumi
import pulumi_aws as aws

from components.aws.cluster import look_up
from components.aws.key_fitness import ENABLED, fix_of_state, problem_of_kind
from components.aws.settings import ExistingKeySettings
from components.errors import DeploymentError


def require_usable_key(key: ExistingKeySettings, provider: aws.Provider) -> None:
    """Raise :class:`DeploymentError` if the key can't be read, isn't enabled or is of the wrong kind.

    It says nothing about the rights of Vault's role, which are proved before the init.
    """
    found = look_up(
        f"The key {key.arn} (key.arn) can't be read",
        "Check key.arn, and that the AWS credentials in use may kms:DescribeKey on it; if the key is of "
        "another account, its key policy has to allow that, too "
        f"(aws kms describe-key --key-id {key.arn} --region {key.region}).",
        lambda: aws.kms.get_key(
            key_id=key.arn, region=key.region, opts=pulumi.InvokeOptions(provider=provider)
        ),
    )
    problem = problem_of_kind(key.arn, found.key_spec, found.key_usage)
    if problem is not None:
        raise DeploymentError(f"{problem} Set key.arn to another key.")
    if found.key_state != ENABLED:
        raise DeploymentError(
            f"The key {key.arn} (key.arn) is in the state {found.key_state}, so Vault can't be sealed with "
            f"it. {fix_of_state(key.arn, found.key_state)}"
        )

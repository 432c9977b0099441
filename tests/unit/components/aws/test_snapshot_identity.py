"""The role of the snapshots' job, as the engine is asked for it."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.runtime import MockResourceArgs

from components.aws.pod_trust import IrsaTrust, PodIdentityTrust, PodTrust
from components.aws.snapshot_identity import SnapshotRole, SnapshotRoleArgs
from tests.unit.fakes.mocked_account import ACCOUNT, ATTACHMENT, ISSUER, POLICY, ROLE
from tests.unit.fakes.recorded_deployment import Deployment, deploy

ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
OIDC_PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER.removeprefix('https://')}"
ARN = f"arn:aws:iam::{ACCOUNT}:role/vault/backups"
IRSA = IrsaTrust(OIDC_PROVIDER, ISSUER, "secrets", "vault-snapshot")


def created(trust: PodTrust = IRSA) -> Deployment:
    def computed(args: MockResourceArgs) -> Mapping[str, Any]:
        return {ROLE: {"arn": ARN}, POLICY: {"arn": ARN.replace("role", "policy")}}.get(args.typ, {})

    def program() -> None:
        args = SnapshotRoleArgs(
            trust=trust,
            name="backups",
            path="/vault/",
            permissions_boundary=f"arn:aws:iam::{ACCOUNT}:policy/boundary",
            policy="the policy",
            tags={"app": "vault"},
        )
        pulumi.export("arn", SnapshotRole("snapshot-role", args).role_arn)

    return deploy({}, answers={}, outputs=computed, program=program)


def test_role_trusts_the_jobs_service_account_alone() -> None:
    deployment = created()
    role = deployment.only(ROLE).inputs
    assert (role["name"], role["path"]) == ("backups", "/vault/")
    assert role["permissionsBoundary"] == f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    assert role["assumeRolePolicy"] == IRSA.policy()
    assert deployment.only(POLICY).inputs["policy"] == "the policy"
    assert deployment.only(ATTACHMENT).inputs["policyArn"] == ARN.replace("role", "policy")
    assert deployment.of_type(ASSOCIATION) == []
    assert deployment.outputs["arn"] == ARN


def test_pod_identity_is_associated() -> None:
    cluster = f"arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/example"
    association = created(PodIdentityTrust(cluster, "secrets", "vault-snapshot")).only(ASSOCIATION)
    assert association.inputs["serviceAccount"] == "vault-snapshot"
    assert association.inputs["roleArn"] == ARN

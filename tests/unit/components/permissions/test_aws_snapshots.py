"""What the documents say of the snapshots' role and bucket."""

import pytest

from components.permissions.aws import destroy_policy, preview_policy, up_policy
from components.permissions.aws_snapshots import bucket_reads, bucket_writes, snapshot_role
from tests.unit.fakes.aws_deployments import (
    ACCOUNT,
    BOUNDARY,
    FULL,
    SHAMIR_ON_EKS,
    SNAPSHOTS,
    WITH_SNAPSHOTS,
    actions,
    scope,
    statements,
)

ROLE = f"arn:aws:iam::{ACCOUNT}:role/vault/backups"
BUCKET = "arn:aws:s3:::acme-vault"
GIVEN = {**SNAPSHOTS, "createBucket": False}


@pytest.mark.parametrize(
    "settings",
    [FULL, {**FULL, "snapshots": {"schedule": "@daily", "volume": {"size": "20Gi"}}}],
    ids=["none", "volume"],
)
def test_without_a_bucket_nothing_is_allowed(settings: dict[str, object]) -> None:
    found = scope(settings)
    assert [*bucket_reads(found), *bucket_writes(found), *snapshot_role(found)] == []


def test_bucket_is_written_and_never_deleted() -> None:
    found = statements(up_policy(scope(WITH_SNAPSHOTS)))
    assert found["WriteSnapshotsBucket"]["Resource"] == found["ReadSnapshotsBucket"]["Resource"] == BUCKET
    assert "s3:" not in destroy_policy(scope(WITH_SNAPSHOTS))
    everything = actions(up_policy(scope(WITH_SNAPSHOTS)))
    assert not {action for action in everything if "Object" in action and "Lock" not in action}


def test_bucket_that_is_given_is_not_touched() -> None:
    found = up_policy(scope({**FULL, "snapshots": GIVEN}))
    assert "s3:" not in found


def test_role_has_vaults_path_and_boundary() -> None:
    found = statements(up_policy(scope(WITH_SNAPSHOTS)))
    assert ROLE in found["CreateRole"]["Resource"]
    assert found["CreateRole"]["Condition"] == {"ArnEquals": {"iam:PermissionsBoundary": BOUNDARY}}
    attached = found["AttachSnapshotsRolePolicy"]["Condition"]["ArnEquals"]["iam:PolicyARN"]
    assert attached == f"arn:aws:iam::{ACCOUNT}:policy/vault/backups"
    assert ROLE in statements(preview_policy(scope(WITH_SNAPSHOTS)))["ReadRole"]["Resource"]
    assert ROLE in statements(destroy_policy(scope(WITH_SNAPSHOTS)))["DeleteRole"]["Resource"]


def test_role_is_passed_to_pod_identity_alone() -> None:
    with_identity = {**WITH_SNAPSHOTS, "identity": {"kind": "pod-identity"}}
    assert ROLE in statements(up_policy(scope(with_identity)))["PassRole"]["Resource"]
    assert "PassRole" not in statements(up_policy(scope(WITH_SNAPSHOTS)))


def test_provider_of_tokens_is_looked_up_without_a_seal_of_aws() -> None:
    found = statements(preview_policy(scope({**SHAMIR_ON_EKS, "snapshots": SNAPSHOTS})))
    assert "ReadIdentityProvider" in found
    assert "ReadIdentityProvider" not in statements(preview_policy(scope(SHAMIR_ON_EKS)))

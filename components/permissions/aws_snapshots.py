"""Builds the statements for the role of the snapshots' job, and for a bucket that the stack creates.

They are parts of the policies in `permissions/aws.py`, with the same sources. The bucket and what is set on
it are never deleted by the stack.
"""

from collections.abc import Sequence

from components.aws.policies import Statement, allow
from components.aws.policies import role_arn as arn_of_role
from components.permissions.aws_arns import DeploymentScope, OwnRoleScope
from components.permissions.aws_roles import MadeRole
from components.settings.snapshots import BucketSettings

BUCKET_READS = (
    "s3:GetAccelerateConfiguration",  # read with every bucket, whatever it has of it
    "s3:GetBucketAcl",
    "s3:GetBucketCORS",
    "s3:GetBucketLogging",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketRequestPayment",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetBucketWebsite",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",  # whether the bucket is there; it also lists the snapshots' names
)

BUCKET_WRITES = (
    "s3:CreateBucket",
    "s3:PutBucketPolicy",  # TLS only
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",  # also a tag that the settings no longer have
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",  # another snapshots.kmsKey
    "s3:PutLifecycleConfiguration",  # other snapshots.keep.days
)


def snapshot_store(scope: DeploymentScope) -> BucketSettings | None:
    """Return the bucket of the snapshots; None if they aren't kept in S3."""
    snapshots = scope.settings.snapshots
    store = snapshots.store if snapshots is not None else None
    return store if isinstance(store, BucketSettings) and store.cloud == "aws" else None


def writes_by_token(scope: DeploymentScope) -> bool:
    """Return whether the job's pods assume their role by their tokens (IRSA)."""
    store = snapshot_store(scope)
    return store is not None and not store.pod_identity


def snapshot_role(scope: DeploymentScope) -> Sequence[MadeRole]:
    """Return the role of the job; none if the snapshots aren't kept in S3."""
    if (store := snapshot_store(scope)) is None:
        return ()
    arn = arn_of_role(
        partition=scope.partition, account_id=scope.account_id, path=store.role_path, name=store.identity
    )
    policy = scope.iam_arn(f"policy{store.role_path}{store.identity}")
    return (MadeRole(arn, OwnRoleScope(policy, store.permissions_boundary), "Snapshots"),)


def bucket_reads(scope: DeploymentScope) -> Sequence[Statement]:
    """Return the statements for a refresh of the bucket, and for reads after a change."""
    store = snapshot_store(scope)
    if store is None or not store.create:
        return ()
    return (allow("ReadSnapshotsBucket", BUCKET_READS, _bucket(scope, store)),)


def bucket_writes(scope: DeploymentScope) -> Sequence[Statement]:
    """Return the statements that create the bucket and change it."""
    store = snapshot_store(scope)
    if store is None or not store.create:
        return ()
    return (allow("WriteSnapshotsBucket", BUCKET_WRITES, _bucket(scope, store)),)


def _bucket(scope: DeploymentScope, store: BucketSettings) -> str:
    return f"arn:{scope.partition}:s3:::{store.name}"

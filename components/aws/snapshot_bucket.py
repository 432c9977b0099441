"""Creates a bucket of S3 for snapshots, which stays when the stack is destroyed."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.snapshot_policies import tls_only_policy

NONCURRENT_DAYS = 30
"""Days after which a version that was overwritten or deleted goes; until then a thief can't remove it."""
_UPLOAD_DAYS = 1


@dataclass(frozen=True)
class SnapshotBucketArgs:
    """The arguments of a :class:`SnapshotBucket`."""

    name: str
    partition: str
    """AWS partition of the account."""
    prefix: str
    """What the names of the snapshots begin with; empty if the whole bucket is theirs."""
    keep_days: int
    """Days after which a snapshot is deleted."""
    key_arn: str
    """ARN of the key that encrypts them; empty for S3's own."""
    tags: Mapping[str, str]


class SnapshotBucket(pulumi.ComponentResource):
    """The bucket: versioned, encrypted, private, by TLS only, and emptied of old snapshots by itself."""

    name: pulumi.Output[str]
    """Known once all of it is there."""

    def __init__(
        self, name: str, args: SnapshotBucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("vault-autounseal:aws:SnapshotBucket", name, None, opts)
        # What protects it stays with it. It isn't protected against leaving the stack, as it outlives that.
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        bucket = aws.s3.Bucket(name, bucket=args.name, tags=args.tags or None, opts=kept)
        versioning = aws.s3.BucketVersioning(
            name,
            bucket=bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=kept,
        )
        private = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=kept,
        )
        default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="aws:kms" if args.key_arn else "AES256",
            kms_master_key_id=args.key_arn or None,
        )
        encryption = aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=default,
                    bucket_key_enabled=bool(args.key_arn),
                )
            ],
            opts=kept,
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.bucket,
            rules=[_rule(args)],
            # Rules for old versions are for a bucket that has versions.
            opts=pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=[versioning])),
        )
        policy = aws.s3.BucketPolicy(
            name,
            bucket=bucket.bucket,
            policy=tls_only_policy(partition=args.partition, bucket=args.name),
            # S3 refuses one of two changes at the same time.
            opts=pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=[private])),
        )
        self.name = pulumi.Output.all(bucket.bucket, encryption.id, policy.id).apply(
            lambda made: str(made[0])
        )
        self.register_outputs({"name": self.name})


def _rule(args: SnapshotBucketArgs) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="old-snapshots",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=args.prefix),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.keep_days),
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=NONCURRENT_DAYS
        ),
        abort_incomplete_multipart_upload=(
            aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                days_after_initiation=_UPLOAD_DAYS
            )
        ),
    )

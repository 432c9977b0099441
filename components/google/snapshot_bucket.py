"""Creates a bucket of Google Cloud Storage for snapshots, which stays when the stack is destroyed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

NONCURRENT_DAYS = 30
"""Days after which a version that was overwritten or deleted goes."""


@dataclass(frozen=True)
class SnapshotBucketArgs:
    """The arguments of a :class:`SnapshotBucket`."""

    name: str
    project: str
    location: str
    """Region of the bucket."""
    prefix: str
    """What the names of the snapshots begin with; empty if the whole bucket is theirs."""
    keep_days: int
    """Days after which a snapshot is deleted."""
    key: str
    """Resource name of the key that encrypts them; empty for Google's own."""
    labels: Mapping[str, str]
    prerequisites: Sequence[pulumi.Resource]
    """APIs that must be enabled first."""


def create_snapshot_bucket(
    name: str, args: SnapshotBucketArgs, opts: pulumi.ResourceOptions
) -> gcp.storage.Bucket:
    """Create the bucket: versioned, private, with rights by IAM alone, and rid of old snapshots by itself."""
    return gcp.storage.Bucket(
        name,
        name=args.name,
        project=args.project,
        location=args.location.upper(),
        uniform_bucket_level_access=True,
        public_access_prevention="enforced",
        versioning=gcp.storage.BucketVersioningArgs(enabled=True),
        encryption=gcp.storage.BucketEncryptionArgs(default_kms_key_name=args.key) if args.key else None,
        lifecycle_rules=[
            _delete(
                gcp.storage.BucketLifecycleRuleConditionArgs(
                    age=args.keep_days,
                    matches_prefixes=[args.prefix] if args.prefix else None,
                    with_state="LIVE",
                )
            ),
            _delete(gcp.storage.BucketLifecycleRuleConditionArgs(days_since_noncurrent_time=NONCURRENT_DAYS)),
        ],
        labels=dict(args.labels),
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(retain_on_delete=True, depends_on=args.prerequisites)
        ),
    )


def _delete(condition: gcp.storage.BucketLifecycleRuleConditionArgs) -> gcp.storage.BucketLifecycleRuleArgs:
    return gcp.storage.BucketLifecycleRuleArgs(
        action=gcp.storage.BucketLifecycleRuleActionArgs(type="Delete"), condition=condition
    )


def region_of(location: str) -> str:
    """Return the region of a cluster's location, which may be a zone of it."""
    parts = location.split("-")
    return "-".join(parts[:2])

"""Builds the policy documents of what keeps snapshots in S3, as pure functions."""

from collections.abc import Sequence

from components.aws.partitions import service_names
from components.aws.policies import Condition, allow, document

WRITE_ACTIONS: Sequence[str] = (
    "s3:AbortMultipartUpload",  # the parts of an upload that failed
    "s3:PutObject",  # also creates, continues and completes an upload in parts
)
"""Source: the S3 guide, "Multipart upload API and permissions"."""
KEY_ACTIONS: Sequence[str] = (
    "kms:Decrypt",  # an upload in parts, whose key S3 unwraps for each part
    "kms:GenerateDataKey",
)
"""Source: the S3 guide, "Protecting data with SSE-KMS", "Permissions"."""


def writer_policy(*, partition: str, bucket: str, prefix: str, key_arn: str) -> str:
    """Return the policy of the job's role: it writes objects below the prefix, and reads and deletes none.

    ``key_arn`` encrypts them; empty for none of KMS. S3 decrypts with it only what the role may read, which
    is nothing.
    """
    objects = f"arn:{partition}:s3:::{bucket}/{prefix}*"
    statements = [allow("WriteSnapshots", WRITE_ACTIONS, objects)]
    if key_arn:
        region = key_arn.split(":")[3]
        names = service_names("s3", region=region, partition=partition)
        through: Condition = {"StringEquals": {"kms:ViaService": names if len(names) > 1 else names[0]}}
        statements.append(allow("EncryptSnapshots", KEY_ACTIONS, key_arn, through))
    return document(*statements)


def tls_only_policy(*, partition: str, bucket: str) -> str:
    """Return the policy of a bucket that nobody reaches without TLS.

    Source: the S3 guide, "Security best practices", "Enforce encryption of data in transit".
    """
    arn = f"arn:{partition}:s3:::{bucket}"
    return document(
        {
            "Sid": "OnlyTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )

"""Buckets of a test, and the real rclone that uploads to them as a pod does."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from sandbox.aws.account import iam_arn
from sandbox.network import REGION
from tests.built_tools import built_tools
from tests.integration.aws.running_cloud import Cloud, Credentials, administration, allow, document, trust

SUBJECT = "system:serviceaccount:vault:vault-snapshot"
PREFIX = "vault/"
WRITING = {
    "RCLONE_S3_NO_CHECK_BUCKET": "true",
    "RCLONE_S3_NO_HEAD": "true",
    "RCLONE_NO_CHECK_DEST": "true",
}
"""Settings of rclone without which it asks for more than the right to write."""


@dataclass(frozen=True)
class Bucket:
    """A bucket, and the key that its objects are encrypted with by default."""

    name: str
    key_arn: str

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.name}"


def make_bucket(cloud: Cloud) -> Bucket:
    """A new bucket with a key of its own, which whoever has the right in IAM may use by way of S3."""
    use = allow("kms:*", Principal={"AWS": iam_arn("root")})
    use["Condition"] = {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
    key = cloud.kms().create_key(Policy=document(administration(), use))["KeyMetadata"]["Arn"]
    name = f"backups-{uuid4().hex[:8]}"
    s3 = cloud.s3()
    here: Any = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=here)
    by_default: Any = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": True}]
        },
    )
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return Bucket(name, key)


def writing(bucket: Bucket, *, without: str = "") -> list[Mapping[str, object]]:
    """The rights of a job that can write backups and nothing else, but for one of them."""
    rights = {
        "s3:PutObject": f"{bucket.arn}/{PREFIX}*",
        "s3:AbortMultipartUpload": f"{bucket.arn}/{PREFIX}*",
        "kms:GenerateDataKey": bucket.key_arn,
        "kms:Decrypt": bucket.key_arn,
    }
    return [allow(action, resource=resource) for action, resource in rights.items() if action != without]


@dataclass(frozen=True)
class Rclone:
    """rclone under the names of AWS's own, which lead to the cloud of the tests."""

    cloud: Cloud
    folder: Path

    def copy(
        self, source: str, destination: str, identity: Credentials | str, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ``rclone copyto``, with a user's credentials or in a role that the pod's account may assume."""
        port = self.cloud.settings.bridge_port
        environment = {
            "HOME": str(self.folder),
            "PATH": os.defpath,
            "SSL_CERT_FILE": str(self.cloud.authority.certificate),
            "RCLONE_S3_PROVIDER": "AWS",
            "RCLONE_S3_ENV_AUTH": "true",
            "RCLONE_S3_REGION": REGION,
            # The host name is AWS's own, and only the port isn't.
            "RCLONE_S3_ENDPOINT": f"https://s3.{REGION}.amazonaws.com:{port}",
            "RCLONE_RETRIES": "1",
            "RCLONE_LOW_LEVEL_RETRIES": "1",
            **self._identity(identity),
            **settings,
        }
        return subprocess.run(
            [*self._led_here(destination, source), built_tools().rclone, "copyto", source, destination],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def _identity(self, identity: Credentials | str) -> Mapping[str, str]:
        if isinstance(identity, Credentials):
            return {
                "AWS_ACCESS_KEY_ID": identity.access_key_id,
                "AWS_SECRET_ACCESS_KEY": identity.secret_access_key,
            }
        token = self.folder / "token"
        token.write_text(self.cloud.token(sub=SUBJECT))
        return {
            "AWS_ROLE_ARN": identity,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_STS": self.cloud.url,
        }

    def _led_here(self, *places: str) -> list[str]:
        """Give the program a hosts file of its own, as pods have the cluster's DNS."""
        hosts = self.folder / "hosts"
        buckets = {place.split(":", 2)[2].split("/")[0] for place in places if place.startswith(":s3")}
        names = [f"{bucket}.s3.{REGION}.amazonaws.com" for bucket in buckets]
        hosts.write_text(f"127.0.0.1 localhost s3.{REGION}.amazonaws.com {' '.join(names)}\n")
        mount = f'mount --bind "{hosts}" /etc/hosts && exec "$@"'
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh"]


def snapshot_role(cloud: Cloud, *statements: Mapping[str, object]) -> str:
    """The ARN of a role that the snapshots' service account may assume, with these rights."""
    name = f"snapshot-{uuid4().hex[:8]}"
    iam = cloud.iam()
    trusting = trust(subject=SUBJECT)
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="write", PolicyDocument=document(*statements))
    return arn

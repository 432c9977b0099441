"""A bucket with all that can be set on it, on the real engine, by somebody with the rights for it alone.

The tests are steps of one deployment and run in order.
"""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from sandbox.network import REGION
from tests.integration.aws.running_cloud import Cloud, User, allow, refusal
from tests.integration.plugin_stack import PluginStack

NAME = f"backups-{uuid4().hex[:8]}"
ARN = f"arn:aws:s3:::{NAME}"
PROGRAM = """
import json

import pulumi
import pulumi_aws as aws

options = pulumi.ResourceOptions(provider=aws.Provider("aws", region="{region}"))
bucket = aws.s3.Bucket("bucket", bucket="{name}", tags={{"team": "{team}"}}, opts=options)
block = aws.s3.BucketPublicAccessBlock(
    "block",
    bucket=bucket.bucket,
    block_public_acls=True,
    block_public_policy=True,
    ignore_public_acls=True,
    restrict_public_buckets=True,
    opts=options,
)
aws.s3.BucketOwnershipControls(
    "owner", bucket=bucket.bucket, rule={{"object_ownership": "BucketOwnerEnforced"}}, opts=options
)
aws.s3.BucketVersioning(
    "versioning", bucket=bucket.bucket, versioning_configuration={{"status": "Enabled"}}, opts=options
)
aws.s3.BucketServerSideEncryptionConfiguration(
    "encryption",
    bucket=bucket.bucket,
    rules=[
        {{
            "apply_server_side_encryption_by_default": {{
                "sse_algorithm": "aws:kms", "kms_master_key_id": "{key}"
            }},
            "bucket_key_enabled": True,
        }}
    ],
    opts=options,
)
aws.s3.BucketLifecycleConfiguration(
    "lifecycle",
    bucket=bucket.bucket,
    rules=[
        {{
            "id": "old",
            "status": "Enabled",
            "filter": {{"prefix": "vault/"}},
            "expiration": {{"days": {days}}},
            "noncurrent_version_expiration": {{"noncurrent_days": 7, "newer_noncurrent_versions": 24}},
            "abort_incomplete_multipart_upload": {{"days_after_initiation": 1}},
        }},
        {{
            "id": "marks",
            "status": "Enabled",
            "filter": {{}},
            "expiration": {{"expired_object_delete_marker": True}},
        }},
    ],
    opts=options,
)
aws.s3.BucketPolicy(
    "policy",
    bucket=bucket.bucket,
    policy=bucket.arn.apply(
        lambda arn: json.dumps(
            {{
                "Version": "2012-10-17",
                "Statement": [
                    {{
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": [arn, arn + "/*"],
                        "Condition": {{"Bool": {{"aws:SecureTransport": "false"}}}},
                    }}
                ],
            }}
        )
    ),
    opts=pulumi.ResourceOptions(provider=options.provider, depends_on=[block]),
)
pulumi.export("arn", bucket.arn)
"""
READING = (
    "GetAccelerateConfiguration",
    "GetBucketAcl",
    "GetBucketCORS",
    "GetBucketLogging",
    "GetBucketObjectLockConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPublicAccessBlock",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetEncryptionConfiguration",
    "GetLifecycleConfiguration",
    "GetReplicationConfiguration",
    "ListBucket",
)
WRITING = (
    "CreateBucket",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketPublicAccessBlock",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutEncryptionConfiguration",
    "PutLifecycleConfiguration",
)
DELETING = ("DeleteBucket", "DeleteBucketPolicy")


@pytest.fixture(scope="module")
def key(cloud: Cloud) -> str:
    return cloud.kms().create_key()["KeyMetadata"]["Arn"]


@pytest.fixture(scope="module")
def deployer(cloud: Cloud) -> User:
    return cloud.user(allow(*(f"s3:{action}" for action in (*READING, *WRITING, *DELETING)), resource=ARN))


@pytest.fixture(scope="module")
def stack(cloud: Cloud, deployer: User, tmp_path_factory: pytest.TempPathFactory) -> PluginStack:
    folder: Path = tmp_path_factory.mktemp("stack")
    environment = {
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_ACCESS_KEY_ID": deployer.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": deployer.credentials.secret_access_key,
    }
    return PluginStack(folder, environment)


def program(key: str, *, team: str = "one", days: int = 30) -> str:
    return PROGRAM.format(region=REGION, name=NAME, key=key, team=team, days=days)


def test_it_is_made_with_these_rights_and_nothing_is_to_do_then(
    stack: PluginStack, cloud: Cloud, key: str
) -> None:
    stack.program(program(key))
    stack.up()
    assert stack.foretold() == {}
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.foretold() == {}
    s3 = cloud.s3()
    assert s3.get_bucket_versioning(Bucket=NAME)["Status"] == "Enabled"
    rules = s3.get_bucket_lifecycle_configuration(Bucket=NAME)["Rules"]
    assert rules[0]["Expiration"] == {"Days": 30}
    assert rules[0]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7, "NewerNoncurrentVersions": 24}
    assert rules[0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    encryption = s3.get_bucket_encryption(Bucket=NAME)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key
    assert json.loads(s3.get_bucket_policy(Bucket=NAME)["Policy"])["Statement"][0]["Effect"] == "Deny"
    assert s3.get_bucket_tagging(Bucket=NAME)["TagSet"] == [{"Key": "team", "Value": "one"}]


def test_changes_are_made_in_place(stack: PluginStack, cloud: Cloud, key: str) -> None:
    stack.program(program(key, team="two", days=60))
    assert stack.foretold() == {"bucket": "update", "lifecycle": "update"}
    stack.up()
    assert stack.foretold() == {}
    rules = cloud.s3().get_bucket_lifecycle_configuration(Bucket=NAME)["Rules"]
    assert rules[0]["Expiration"] == {"Days": 60}
    assert cloud.s3().get_bucket_tagging(Bucket=NAME)["TagSet"] == [{"Key": "team", "Value": "two"}]


def test_what_others_have_changed_is_put_right(stack: PluginStack, cloud: Cloud) -> None:
    s3 = cloud.s3()
    s3.delete_bucket_policy(Bucket=NAME)
    s3.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Suspended"})
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.foretold() == {"policy": "create", "versioning": "update"}
    stack.up()
    assert s3.get_bucket_versioning(Bucket=NAME)["Status"] == "Enabled"
    assert stack.foretold() == {}


def test_a_bucket_with_backups_is_not_destroyed(stack: PluginStack, cloud: Cloud) -> None:
    s3 = cloud.s3()
    version = s3.put_object(Bucket=NAME, Key="vault/x", Body=b"x", ServerSideEncryption="AES256")["VersionId"]
    output = stack.pulumi("destroy", "--yes", "--skip-preview", fails=True)
    assert "api error BucketNotEmpty: The bucket you tried to delete is not empty" in output
    s3.delete_object(Bucket=NAME, Key="vault/x", VersionId=version)
    stack.pulumi("destroy", "--yes", "--skip-preview")
    with refusal("404"):
        s3.head_bucket(Bucket=NAME)

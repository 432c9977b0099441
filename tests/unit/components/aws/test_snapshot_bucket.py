"""The bucket for snapshots, as the engine is asked for it."""

import json

import pulumi

from components.aws.snapshot_bucket import SnapshotBucket, SnapshotBucketArgs
from tests.unit.fakes.recorded_deployment import Deployment, deploy

KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"


def created(key_arn: str = "") -> Deployment:
    def program() -> None:
        args = SnapshotBucketArgs("acme", "aws", "prod/", 90, key_arn, {"app": "vault"})
        pulumi.export("name", SnapshotBucket("snapshot-bucket", args).name)

    return deploy({}, answers={}, outputs=lambda _: {}, program=program)


def test_bucket_and_what_protects_it_outlive_the_stack() -> None:
    made = [entry for entry in created().registrations if entry.type.startswith("aws:s3/")]
    assert len(made) == 6
    assert all(entry.retain_on_delete and not entry.protect for entry in made)
    assert {entry.inputs["bucket"] for entry in made} == {"acme"}


def test_nobody_else_gets_in() -> None:
    deployment = created()
    block = deployment.only("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert [value for name, value in block.items() if name != "bucket"] == [True] * 4
    policy = deployment.only("aws:s3/bucketPolicy:BucketPolicy")
    assert json.loads(policy.inputs["policy"])["Statement"][0]["Sid"] == "OnlyTls"


def test_old_snapshots_go_and_deleted_ones_stay_for_a_while() -> None:
    deployment = created()
    (rule,) = deployment.only("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration").inputs[
        "rules"
    ]
    assert (rule["filter"], rule["expiration"]) == ({"prefix": "prod/"}, {"days": 90})
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 1}
    versioning = deployment.only("aws:s3/bucketVersioning:BucketVersioning")
    assert versioning.inputs["versioningConfiguration"] == {"status": "Enabled"}


def test_key_encrypts_by_default() -> None:
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    (own,) = created().only(kind).inputs["rules"]
    assert own["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
    (by_key,) = created(KEY).only(kind).inputs["rules"]
    assert by_key["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}
    assert by_key["bucketKeyEnabled"] is True

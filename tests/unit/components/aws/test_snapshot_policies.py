"""What the snapshots' job may do in S3, and what a bucket refuses."""

import json

import pytest

from components.aws.snapshot_policies import tls_only_policy, writer_policy

KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"


def test_job_writes_below_the_prefix_and_nothing_else() -> None:
    document = json.loads(writer_policy(partition="aws", bucket="acme", prefix="vault/prod/", key_arn=""))
    (statement,) = document["Statement"]
    assert statement["Action"] == ["s3:AbortMultipartUpload", "s3:PutObject"]
    assert statement["Resource"] == "arn:aws:s3:::acme/vault/prod/*"
    assert statement["Effect"] == "Allow"


def test_key_is_used_through_s3_alone() -> None:
    document = json.loads(writer_policy(partition="aws", bucket="acme", prefix="", key_arn=KEY))
    writing, encrypting = document["Statement"]
    assert writing["Resource"] == "arn:aws:s3:::acme/*"
    assert (encrypting["Action"], encrypting["Resource"]) == (["kms:Decrypt", "kms:GenerateDataKey"], KEY)
    assert encrypting["Condition"] == {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}


@pytest.mark.parametrize("word", ["Get", "List", "Delete", "Acl", "*:*"])
def test_job_never_reads_or_deletes(word: str) -> None:
    assert word not in writer_policy(partition="aws", bucket="acme", prefix="vault/", key_arn="")


def test_china_has_two_names_of_the_service() -> None:
    key = KEY.replace("arn:aws:", "arn:aws-cn:").replace("eu-central-1", "cn-north-1")
    document = json.loads(writer_policy(partition="aws-cn", bucket="acme", prefix="", key_arn=key))
    assert document["Statement"][0]["Resource"] == "arn:aws-cn:s3:::acme/*"
    assert len(document["Statement"][1]["Condition"]["StringEquals"]["kms:ViaService"]) == 2


def test_bucket_refuses_what_comes_without_tls() -> None:
    (statement,) = json.loads(tls_only_policy(partition="aws", bucket="acme"))["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Resource"] == ["arn:aws:s3:::acme", "arn:aws:s3:::acme/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

"""What the stand-in of the AWS plugin asks of S3 in the life of each type, as the actions that it takes."""

import json
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.client import BaseClient
from moto import mock_aws

from sandbox.aws.object_storage import ACTIONS
from sandbox.plugins.aws.api import Aws
from sandbox.plugins.aws.configuration import Configuration
from sandbox.plugins.aws.resource_type import AwsResourceType
from sandbox.plugins.aws.s3_bucket import Bucket
from sandbox.plugins.aws.s3_settings import (
    BucketLifecycleConfiguration,
    BucketOwnershipControls,
    BucketPolicy,
    BucketPublicAccessBlock,
    BucketServerSideEncryptionConfiguration,
    BucketVersioning,
)
from sandbox.plugins.property_values import PropertyMap
from sandbox.plugins.provider import PartialFailureError, ProviderError, Resource

THING = Resource("urn:pulumi:dev::project::type::thing")
NAME = "backups"
READ_OF_A_BUCKET = {
    "GetAccelerateConfiguration",
    "GetBucketAcl",
    "GetBucketCORS",
    "GetBucketLogging",
    "GetBucketObjectLockConfiguration",
    "GetBucketPolicy",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetEncryptionConfiguration",
    "GetLifecycleConfiguration",
    "GetReplicationConfiguration",
    "ListBucket",
}
RULE: PropertyMap = {"id": "old", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 30}}
DENIAL = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{NAME}/*"}


@dataclass
class Account:
    """An account in which every request is recorded, as the action of IAM's that it takes."""

    aws: Aws = field(default_factory=lambda: Aws(Configuration("eu-west-1")))
    actions: set[str] = field(default_factory=set)

    def asked(self) -> set[str]:
        """What was asked since this was last called."""
        asked, self.actions = self.actions, set()
        return asked

    def make_bucket(self) -> None:
        self.aws.client("s3").create_bucket(
            Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        self.asked()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    made = Account()
    send = BaseClient._make_api_call  # type: ignore[attr-defined]

    def record(client: BaseClient, operation: str, arguments: object) -> object:
        made.actions.add(ACTIONS.get(operation, operation))
        return send(client, operation, arguments)

    with mock_aws():
        monkeypatch.setattr(BaseClient, "_make_api_call", record)
        yield made


def test_a_bucket(account: Account) -> None:
    kind = Bucket(account.aws)
    inputs: PropertyMap = {"bucket": NAME, "tags": {"a": "1"}}
    created = kind.make(inputs)
    assert account.asked() == {"CreateBucket", "PutBucketTagging", *READ_OF_A_BUCKET}
    assert created.state["arn"] == f"arn:aws:s3:::{NAME}"
    other: PropertyMap = {"b": "2"}
    none: PropertyMap = {}
    for tags in (other, none):
        kind.update(THING, NAME, created.state, {"bucket": NAME, "tags": tags}, preview=False)
        assert account.asked() == {"PutBucketTagging", *READ_OF_A_BUCKET}
    found = kind.read(THING, NAME, created.state, inputs)
    assert account.asked() == READ_OF_A_BUCKET
    assert found is not None
    kind.delete(THING, NAME, created.state)
    assert account.asked() == {"DeleteBucket", "ListBucket"}
    assert kind.read(THING, NAME, created.state, inputs) is None


def test_a_bucket_that_somebody_has_is_said_in_the_plugins_words(account: Account) -> None:
    account.make_bucket()
    with pytest.raises(ProviderError, match=r"creating S3 Bucket \(backups\): operation error S3: Create"):
        Bucket(account.aws).make({"bucket": NAME})


def test_a_bucket_without_its_tags_is_recorded(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = Bucket(account.aws)

    def refuse(*_: object) -> None:
        raise ProviderError("no")

    monkeypatch.setattr(kind, "_put_tags", refuse)
    with pytest.raises(PartialFailureError) as raised:
        kind.make({"bucket": NAME, "tags": {"a": "1"}})
    assert raised.value.identifier == NAME


@pytest.mark.parametrize(
    ("kind", "inputs", "written", "read", "deleted"),
    [
        (
            BucketVersioning,
            {"versioningConfiguration": {"status": "Enabled"}},
            {"PutBucketVersioning"},
            {"GetBucketVersioning"},
            {"PutBucketVersioning"},
        ),
        (
            BucketPublicAccessBlock,
            {"blockPublicAcls": True},
            {"PutBucketPublicAccessBlock"},
            {"GetBucketPublicAccessBlock"},
            {"PutBucketPublicAccessBlock", "GetBucketPublicAccessBlock"},
        ),
        (
            BucketServerSideEncryptionConfiguration,
            {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]},
            {"PutEncryptionConfiguration"},
            {"GetEncryptionConfiguration"},
            {"PutEncryptionConfiguration"},
        ),
        (
            BucketOwnershipControls,
            {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
            {"PutBucketOwnershipControls"},
            {"GetBucketOwnershipControls"},
            {"PutBucketOwnershipControls", "GetBucketOwnershipControls"},
        ),
        (
            BucketPolicy,
            {"policy": json.dumps({"Version": "2012-10-17", "Statement": [DENIAL]})},
            {"PutBucketPolicy"},
            {"GetBucketPolicy"},
            {"DeleteBucketPolicy", "GetBucketPolicy"},
        ),
        (
            BucketLifecycleConfiguration,
            {"rules": [RULE]},
            {"PutLifecycleConfiguration"},
            {"GetLifecycleConfiguration"},
            {"PutLifecycleConfiguration", "GetLifecycleConfiguration"},
        ),
    ],
)
def test_a_setting(
    account: Account,
    kind: type[AwsResourceType],
    inputs: dict[str, Any],
    written: Set[str],
    read: Set[str],
    deleted: Set[str],
) -> None:
    account.make_bucket()
    setting = kind(account.aws)
    given: PropertyMap = {"bucket": NAME, **inputs}
    created = setting.make(given)
    assert account.asked() == written | read
    assert created.identifier == NAME
    assert setting.diff(created.state, given, given).changes == {}
    setting.update(THING, NAME, created.state, given, preview=False)
    assert account.asked() == written | read
    setting.delete(THING, NAME, created.state)
    assert account.asked() == deleted
    # With the bucket goes what was set on it.
    account.aws.client("s3").delete_bucket(Bucket=NAME)
    setting.delete(THING, NAME, created.state)
    assert setting.read(THING, NAME, created.state, given) is None

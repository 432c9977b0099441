"""Check and difference of the types below `aws:s3/`; nothing here speaks to AWS."""

from typing import Any

import pytest

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
from sandbox.plugins.property_differences import Kind
from sandbox.plugins.property_values import UNKNOWN, PropertyValue
from sandbox.plugins.provider import Resource
from tests.unit.sandbox.plugins.test_aws_resource_types import AWS, changes, checked, reasons

RULE: dict[str, Any] = {"id": "old", "status": "Enabled", "expiration": {"days": 30}}
SSE: dict[str, Any] = {
    "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "key"},
    "bucketKeyEnabled": True,
}


def test_a_bucket_without_a_name_gets_one_that_it_keeps() -> None:
    resource = Resource("urn:pulumi:dev::project::type::Backups", random_seed=b"seed")
    first = Bucket(AWS).check(resource, {}, {}).inputs
    name = str(first["bucket"])
    assert name.startswith("backups-")
    assert len(name) == len("backups-") + 7
    again = Bucket(AWS).check(Resource(resource.urn, random_seed=b"other"), first, {}).inputs
    assert again["bucket"] == name


@pytest.mark.parametrize(
    ("kind", "inputs", "wrong", "text"),
    [
        (Bucket, {"forceDestroy": True}, "forceDestroy", "needs the real plugin"),
        (Bucket, {"acl": "private"}, "acl", "needs the real plugin"),
        (Bucket, {"bucket": "a" * 64}, "bucket", "in the range (0 - 63)"),
        (BucketVersioning, {"bucket": "b"}, "versioningConfiguration", "is required"),
        (
            BucketVersioning,
            {"bucket": "b", "versioningConfiguration": {"status": "Enabled", "mfaDelete": "Enabled"}},
            "versioningConfiguration",
            "mfaDelete",
        ),
        (BucketPublicAccessBlock, {}, "bucket", "is required"),
        (BucketPublicAccessBlock, {"bucket": "b", "skipDestroy": True}, "skipDestroy", "the real plugin"),
        (
            BucketServerSideEncryptionConfiguration,
            {"bucket": "b", "rules": [{**SSE, "blockedEncryptionTypes": []}]},
            "rules",
            "blockedEncryptionTypes",
        ),
        (BucketOwnershipControls, {"bucket": "b", "rule": {"owner": "me"}}, "rule", "owner"),
        (BucketPolicy, {"bucket": "b", "policy": "{"}, "policy", "valid JSON"),
        (
            BucketLifecycleConfiguration,
            {"bucket": "b", "rules": [{**RULE, "transitions": []}]},
            "rules",
            "transitions",
        ),
        (
            BucketLifecycleConfiguration,
            {"bucket": "b", "rules": [{**RULE, "status": "On"}]},
            "rules",
            'one of ["Enabled" "Disabled"]',
        ),
        (
            BucketLifecycleConfiguration,
            {"bucket": "b", "rules": [{"id": "idle", "status": "Enabled"}]},
            "rules",
            "At least one action",
        ),
        (
            BucketLifecycleConfiguration,
            {"bucket": "b", "rules": [{"status": "Enabled", "expiration": {"days": 1}}]},
            "rules",
            'The argument "id"',
        ),
    ],
)
def test_wrong_inputs_are_refused(
    kind: type[AwsResourceType], inputs: dict[str, Any], wrong: str, text: str
) -> None:
    assert text in reasons(kind(AWS), inputs)[wrong]


def test_unknown_inputs_pass_the_check() -> None:
    assert reasons(BucketPolicy(AWS), {"bucket": UNKNOWN, "policy": UNKNOWN}) == {}
    rules: list[PropertyValue] = [{**RULE, "expiration": UNKNOWN}]
    assert reasons(BucketLifecycleConfiguration(AWS), {"bucket": UNKNOWN, "rules": rules}) == {}


@pytest.mark.parametrize(
    ("kind", "old", "new", "replaces"),
    [
        (Bucket, {"bucket": "a"}, {"bucket": "b"}, True),
        (Bucket, {"bucket": "a"}, {"bucket": "a", "tags": {"a": "b"}}, False),
        (BucketPublicAccessBlock, {"bucket": "a"}, {"bucket": "b"}, True),
        (BucketPublicAccessBlock, {"bucket": "a"}, {"bucket": "a", "blockPublicAcls": True}, False),
        (
            BucketLifecycleConfiguration,
            {"bucket": "a", "rules": [RULE]},
            {"bucket": "a", "rules": [{**RULE, "expiration": {"days": 60}}]},
            False,
        ),
    ],
)
def test_what_a_change_leads_to(
    kind: type[AwsResourceType], old: dict[str, Any], new: dict[str, Any], replaces: bool
) -> None:
    found = changes(kind(AWS), old, new)
    assert {change.replaces for change in found.values()} == {replaces}


def test_what_s3_tells_beside_what_was_asked_for_is_no_change() -> None:
    kind = BucketLifecycleConfiguration(AWS)
    inputs = checked(kind, {"bucket": "a", "rules": [RULE]})
    told = {**RULE, "filter": {"prefix": ""}, "expiration": {"days": 30, "expiredObjectDeleteMarker": False}}
    assert kind.diff({**inputs, "rules": [told]}, inputs, inputs).changes == {}
    more = {**RULE, "filter": {"prefix": "vault/"}}
    found = kind.diff({**inputs, "rules": [more]}, inputs, inputs).changes
    assert [change.kind for change in found.values()] == [Kind.DELETE]

"""Check and difference of the types below `gcp:storage/`; nothing here speaks to Google."""

from typing import Any

import pytest

from sandbox.plugins.gcp.resource_type import GoogleResourceType
from sandbox.plugins.gcp.storage import Bucket, BucketIamMember
from sandbox.plugins.property_values import UNKNOWN
from tests.unit.sandbox.plugins.test_gcp_requests import ScriptedGoogle, answering
from tests.unit.sandbox.plugins.test_gcp_resource_types import changes, of, resource

RULE: dict[str, Any] = {"action": {"type": "Delete"}, "condition": {"age": 30}}
BUCKET: dict[str, Any] = {"name": "backups", "location": "europe-west3", "lifecycleRules": [RULE]}
MEMBER: dict[str, Any] = {"bucket": "backups", "role": "roles/storage.objectCreator", "member": "user:a@b.c"}
CONDITION: dict[str, Any] = {"title": "some", "expression": 'resource.name.startsWith("x")'}


@pytest.mark.parametrize(
    ("kind", "inputs", "wrong", "text"),
    [
        (Bucket, {"name": "backups"}, "location", "is required"),
        (Bucket, {"location": "US"}, "name", "an automatic name"),
        (Bucket, {**BUCKET, "name": "Backups"}, "name", "doesn't match regexp"),
        (Bucket, {**BUCKET, "forceDestroy": True}, "forceDestroy", "needs the real plugin"),
        (Bucket, {**BUCKET, "retentionPolicy": {}}, "retentionPolicy", "needs the real plugin"),
        (Bucket, {**BUCKET, "publicAccessPrevention": "on"}, "publicAccessPrevention", "to be one of"),
        (
            Bucket,
            {**BUCKET, "lifecycleRules": [{**RULE, "action": {"type": "SetStorageClass"}}]},
            "lifecycleRules",
            "SetStorageClass",
        ),
        (
            Bucket,
            {**BUCKET, "lifecycleRules": [{**RULE, "condition": {"createdBefore": "2026-01-01"}}]},
            "lifecycleRules",
            "createdBefore",
        ),
        (Bucket, {**BUCKET, "lifecycleRules": [{}]}, "lifecycleRules", "an action and a condition"),
        (BucketIamMember, {**MEMBER, "member": "a"}, "member", "IAM members must have"),
    ],
)
def test_wrong_inputs_are_refused(
    kind: type[GoogleResourceType], inputs: dict[str, Any], wrong: str, text: str
) -> None:
    failures = of(kind).check(resource(), {}, inputs).failures
    assert text in {failure.property_path: failure.reason for failure in failures}[wrong]


def test_unknown_inputs_pass_the_check() -> None:
    inputs: dict[str, Any] = {**MEMBER, "bucket": UNKNOWN, "condition": UNKNOWN}
    assert of(BucketIamMember).check(resource(), {}, inputs).failures == ()


@pytest.mark.parametrize(
    ("kind", "old", "new", "replaced"),
    [
        (Bucket, BUCKET, {**BUCKET, "location": "US"}, {True}),
        (Bucket, BUCKET, {**BUCKET, "name": "others"}, {True}),
        (Bucket, BUCKET, {**BUCKET, "lifecycleRules": [{**RULE, "condition": {"age": 60}}]}, {False}),
        (Bucket, BUCKET, {**BUCKET, "uniformBucketLevelAccess": True}, {False}),
        (BucketIamMember, MEMBER, {**MEMBER, "condition": CONDITION}, {True}),
        (BucketIamMember, MEMBER, {**MEMBER, "role": "roles/storage.admin"}, {True}),
    ],
)
def test_what_a_change_leads_to(
    kind: type[GoogleResourceType], old: dict[str, Any], new: dict[str, Any], replaced: set[bool]
) -> None:
    assert {change.replaces for change in changes(kind, old, new).values()} == replaced


def test_what_google_tells_in_other_words_is_no_change() -> None:
    condition = {"age": 30, "withState": "ANY", "matchesPrefixes": []}
    told: dict[str, Any] = {"location": "EUROPE-WEST3", "lifecycleRules": [{**RULE, "condition": condition}]}
    assert changes(Bucket, {**BUCKET, **told}, BUCKET) == {}
    assert changes(BucketIamMember, {**MEMBER, "bucket": "b/backups"}, MEMBER) == {}


def test_a_member_with_a_condition_has_a_binding_and_an_id_of_its_own() -> None:
    google = ScriptedGoogle()
    others = {"role": MEMBER["role"], "members": ["user:d@e.f"]}
    policy: dict[str, Any] = {"etag": "1", "bindings": [others]}

    def write(body: Any) -> dict[str, Any]:
        policy.update(body)
        return {}

    google.answers["GET storage storage/v1/b/backups/iam"] = lambda _body: answering(policy)({})
    google.answers["PUT storage storage/v1/b/backups/iam"] = write
    kind = BucketIamMember(google)
    created = kind.create(resource(), {**MEMBER, "condition": CONDITION}, preview=False)
    assert created.identifier == (f"b/backups/{MEMBER['role']}/user:a@b.c/some//{CONDITION['expression']}")
    assert policy["bindings"] == [
        others,
        {"role": MEMBER["role"], "members": ["user:a@b.c"], "condition": CONDITION},
    ]
    assert policy["version"] == 3
    kind.delete(resource(), created.identifier, created.state)
    assert policy["bindings"] == [others]

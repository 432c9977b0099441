"""Check, difference and preview of the Google Cloud resource types; nothing here speaks to Google."""

import pytest

from sandbox.plugins.gcp.api import Google
from sandbox.plugins.gcp.firewall import Firewall
from sandbox.plugins.gcp.iam_member import CryptoKeyIamMember, SecretIamMember, ServiceAccountIamMember
from sandbox.plugins.gcp.kms import CryptoKey, KeyRing
from sandbox.plugins.gcp.projects import IamCustomRole, Service
from sandbox.plugins.gcp.resource_type import GoogleResourceType
from sandbox.plugins.gcp.secret_manager import RegionalSecret, Secret
from sandbox.plugins.gcp.service_account import Account, Key
from sandbox.plugins.property_differences import Kind
from sandbox.plugins.property_values import UNKNOWN, PropertyMap, PropertyValue
from sandbox.plugins.provider import Change, ProviderError, Resource

GOOGLE = Google("acme")
RING = "projects/acme/locations/global/keyRings/vault"
KEY: PropertyMap = {"name": "unseal", "keyRing": RING}
RULE: PropertyMap = {
    "name": "webhook",
    "network": "default",
    "allows": [{"protocol": "tcp", "ports": ["80", "443"]}],
    "sourceRanges": ["10.0.0.0/28", "10.1.0.0/28"],
}
SAME_ALLOWS: list[PropertyValue] = [{"protocol": "TCP", "ports": ["443", "80"]}]
ROLE: PropertyMap = {"roleId": "reader", "title": "Reader", "permissions": ["b.c.get", "a.b.get"]}
SECRET: PropertyMap = {"secretId": "keys", "replication": {"auto": {}}}
MEMBER: PropertyMap = {
    "role": "roles/viewer",
    "member": "user:a@example.com",
    "cryptoKeyId": f"{RING}/cryptoKeys/unseal",
}
SECRET_MEMBER: PropertyMap = {"role": "r", "member": "user:a", "secretId": "keys"}
ACCOUNT_ID = "projects/acme/serviceAccounts/vault@acme.iam.gserviceaccount.com"


def of(kind: type[GoogleResourceType]) -> GoogleResourceType:
    """The resource type in the project acme."""
    return kind(GOOGLE)


def resource() -> Resource:
    """Any resource."""
    return Resource("urn:pulumi:dev::project::type::thing")


def checked(kind: type[GoogleResourceType], inputs: PropertyMap) -> PropertyMap:
    """The inputs after a check that finds nothing wrong."""
    result = of(kind).check(resource(), {}, inputs)
    assert result.failures == ()
    return result.inputs


def changes(kind: type[GoogleResourceType], state: PropertyMap, new: PropertyMap) -> dict[str, Change]:
    """The changes from a recorded state to checked inputs."""
    recorded: PropertyMap = {"project": "acme", **checked(kind, state)}
    return dict(of(kind).diff(recorded, {}, checked(kind, new)).changes)


@pytest.mark.parametrize(
    ("kind", "inputs", "defaults"),
    [
        (CryptoKey, KEY, {"purpose": "ENCRYPT_DECRYPT"}),
        (Account, {"accountId": "vault-unseal"}, {"disabled": False}),
        (IamCustomRole, ROLE, {"stage": "GA"}),
        (Firewall, RULE, {"priority": 1000}),
        (Secret, SECRET, {"deletionProtection": False}),
        (Service, {"service": "cloudkms.googleapis.com"}, {}),
        (
            Key,
            {"serviceAccountId": ACCOUNT_ID},
            {
                "keyAlgorithm": "KEY_ALG_RSA_2048",
                "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE",
                "publicKeyType": "TYPE_X509_PEM_FILE",
            },
        ),
    ],
)
def test_types_have_the_real_defaults(
    kind: type[GoogleResourceType], inputs: PropertyMap, defaults: PropertyMap
) -> None:
    assert checked(kind, inputs) == {**inputs, **defaults, "__defaults": sorted(defaults)}


@pytest.mark.parametrize(
    ("kind", "inputs", "wrong", "text"),
    [
        (KeyRing, {"name": "vault"}, "location", 'The argument "location" is required'),
        (KeyRing, {"location": "global"}, "name", "needs the real plugin"),
        (CryptoKey, {**KEY, "rotationPeriod": "90d"}, "rotationPeriod", "Invalid rotation period format"),
        (CryptoKey, {**KEY, "rotationPeriod": "3600s"}, "rotationPeriod", "greater than one day"),
        (CryptoKey, {**KEY, "purpose": "MAC"}, "purpose", "needs the real plugin"),
        (CryptoKey, {**KEY, "deletionPolicy": "ABANDON"}, "deletionPolicy", "needs the real plugin"),
        (CryptoKey, {**KEY, "colour": "red"}, "colour", "Invalid or unknown key"),
        (CryptoKey, {**KEY, "labels": {"a": 1}}, "labels", "every value of labels to be a string"),
        (CryptoKey, {**KEY, "versionTemplate": {}}, "versionTemplate", '"algorithm" is required'),
        (CryptoKeyIamMember, {**MEMBER, "member": "somebody"}, "member", "IAM members must have one of"),
        (CryptoKeyIamMember, {**MEMBER, "member": "deleted:user:a"}, "member", "deleted principals"),
        (CryptoKeyIamMember, {**MEMBER, "condition": {}}, "condition", "needs the real plugin"),
        (
            ServiceAccountIamMember,
            {"role": "r", "member": "user:a", "serviceAccountId": "vault"},
            "serviceAccountId",
            "not the name of a service account",
        ),
        (Account, {"accountId": "Vault"}, "accountId", "doesn't match regexp"),
        (Key, {"serviceAccountId": ACCOUNT_ID, "keyAlgorithm": "RSA"}, "keyAlgorithm", "to be one of"),
        (Service, {"service": "cloudkms"}, "service", "to be a domain"),
        (IamCustomRole, {**ROLE, "roleId": "key-reader"}, "roleId", "doesn't match regexp"),
        (IamCustomRole, {**ROLE, "permissions": "a"}, "permissions", "expected type '[]string'"),
        (Firewall, {**RULE, "direction": "EGRESS"}, "direction", "needs the real plugin"),
        (Firewall, {**RULE, "allows": [{"ports": ["80"]}]}, "allows", '"protocol" is required'),
        (Firewall, {**RULE, "allows": []}, "allows", "one of `allow,deny`"),
        (Firewall, {"name": "a", "network": "b", "allows": RULE["allows"]}, "", "one of source_tags"),
        (Firewall, {**RULE, "priority": 70000}, "priority", "in the range (0 - 65535)"),
        (Secret, {**SECRET, "replication": {}}, "replication", "must be specified"),
        (Secret, {**SECRET, "replication": {"userManaged": {}}}, "replication", '"replicas" is required'),
        (Secret, {**SECRET, "ttl": "60s"}, "ttl", "needs the real plugin"),
        (RegionalSecret, {"secretId": "keys"}, "location", "is required"),
    ],
)
def test_wrong_inputs_are_refused(
    kind: type[GoogleResourceType], inputs: PropertyMap, wrong: str, text: str
) -> None:
    failures = of(kind).check(resource(), {}, inputs).failures

    assert [failure.property_path for failure in failures] == [wrong]
    assert text in failures[0].reason


def test_unknown_inputs_pass_the_check() -> None:
    assert checked(CryptoKey, {"name": "unseal", "keyRing": UNKNOWN})["keyRing"] is UNKNOWN


@pytest.mark.parametrize(
    ("kind", "state", "new", "changed", "replaces"),
    [
        (CryptoKey, KEY, {**KEY, "name": "other"}, "name", True),
        (CryptoKey, KEY, {**KEY, "keyRing": UNKNOWN}, "keyRing", True),
        (
            CryptoKey,
            {**KEY, "destroyScheduledDuration": "2592000s"},
            {**KEY, "destroyScheduledDuration": "86400s"},
            "destroyScheduledDuration",
            True,
        ),
        (CryptoKey, {**KEY, "rotationPeriod": "7776000s"}, KEY, "rotationPeriod", False),
        (CryptoKey, {**KEY, "labels": {"a": "b"}}, {**KEY, "labels": {"a": "c"}}, "labels.a", False),
        (
            CryptoKey,
            {**KEY, "versionTemplate": {"algorithm": "A"}},
            {**KEY, "versionTemplate": {"algorithm": "B"}},
            "versionTemplate.algorithm",
            False,
        ),
        (
            CryptoKey,
            {**KEY, "versionTemplate": {"algorithm": "A", "protectionLevel": "SOFTWARE"}},
            {**KEY, "versionTemplate": {"algorithm": "A", "protectionLevel": "HSM"}},
            "versionTemplate.protectionLevel",
            True,
        ),
        (CryptoKeyIamMember, MEMBER, {**MEMBER, "role": "roles/editor"}, "role", True),
        (
            Account,
            {"accountId": "vault-a"},
            {"accountId": "vault-a", "displayName": "V"},
            "displayName",
            False,
        ),
        (Account, {"accountId": "vault-a"}, {"accountId": "vault-b"}, "accountId", True),
        (
            Key,
            {"serviceAccountId": ACCOUNT_ID, "keepers": {"rotation": "1"}},
            {"serviceAccountId": ACCOUNT_ID, "keepers": {"rotation": "2"}},
            "keepers.rotation",
            True,
        ),
        (IamCustomRole, ROLE, {**ROLE, "permissions": ["a.b.get"]}, "permissions[1]", False),
        (Firewall, RULE, {**RULE, "sourceRanges": ["10.2.0.0/28"]}, "sourceRanges[0]", False),
        (Firewall, RULE, {**RULE, "name": "other"}, "name", True),
        (Secret, SECRET, {**SECRET, "secretId": "other"}, "secretId", True),
        (
            KeyRing,
            {"name": "a", "location": "b", "project": "other"},
            {"name": "a", "location": "b"},
            "project",
            True,
        ),
    ],
)
def test_what_a_change_leads_to(
    kind: type[GoogleResourceType], state: PropertyMap, new: PropertyMap, changed: str, replaces: bool
) -> None:
    assert changes(kind, state, new)[changed].replaces is replaces


@pytest.mark.parametrize(
    ("kind", "state", "new"),
    [
        (CryptoKey, {**KEY, "destroyScheduledDuration": "2592000s", "rotationPeriod": ""}, KEY),
        (
            CryptoKey,
            {**KEY, "versionTemplate": {"algorithm": "A", "protectionLevel": "SOFTWARE"}},
            {**KEY, "versionTemplate": {"algorithm": "A"}},
        ),
        (CryptoKey, {**KEY, "labels": {}}, KEY),
        (IamCustomRole, ROLE, {**ROLE, "permissions": ["a.b.get", "b.c.get"]}),
        (
            Firewall,
            {
                **RULE,
                "network": "https://www.googleapis.com/compute/v1/projects/acme/global/networks/default",
            },
            RULE,
        ),
        (Firewall, RULE, {**RULE, "allows": SAME_ALLOWS}),
        (SecretIamMember, {**SECRET_MEMBER, "secretId": "projects/acme/secrets/keys"}, SECRET_MEMBER),
        (Service, {"service": "a.b", "disableOnDestroy": False}, {"service": "a.b"}),
        (KeyRing, {"name": "a", "location": "b", "project": "acme"}, {"name": "a", "location": "b"}),
    ],
)
def test_the_same_in_other_words_is_no_change(
    kind: type[GoogleResourceType], state: PropertyMap, new: PropertyMap
) -> None:
    assert changes(kind, state, new) == {}


def test_a_preview_knows_inputs_project_and_labels() -> None:
    state = of(CryptoKey).create(resource(), checked(CryptoKey, {**KEY, "labels": {"a": "b"}}), preview=True)

    assert state.identifier == ""
    assert state.state["primaries"] is UNKNOWN
    assert state.state["destroyScheduledDuration"] is UNKNOWN
    assert state.state["effectiveLabels"] == {"a": "b"}
    ring = of(KeyRing).create(resource(), {"name": "a", "location": "b"}, preview=True)
    assert ring.state["project"] == "acme"


def test_a_preview_of_an_update_keeps_outputs_and_the_labels_of_others() -> None:
    state: PropertyMap = {
        **checked(CryptoKey, {**KEY, "labels": {"mine": "1"}}),
        "effectiveLabels": {"mine": "1", "others": "1"},
        "pulumiLabels": {"mine": "1"},
        "importOnly": False,
    }
    new = checked(CryptoKey, {**KEY, "labels": {"new": "2"}})
    foretold = of(CryptoKey).update(resource(), f"{RING}/cryptoKeys/unseal", state, new, preview=True)

    assert foretold["importOnly"] is False
    assert foretold["pulumiLabels"] == {"new": "2"}
    assert foretold["effectiveLabels"] == {"new": "2", "others": "1"}


@pytest.mark.parametrize(
    ("kind", "identifier"),
    [
        (KeyRing, "global/vault"),
        (CryptoKey, RING),
        (IamCustomRole, "reader"),
        (Account, "vault@acme.example"),
    ],
)
def test_short_ids_are_not_imported(kind: type[GoogleResourceType], identifier: str) -> None:
    with pytest.raises(ProviderError, match="doesn't match any of the accepted formats"):
        of(kind).read(resource(), identifier, {}, {})


def test_a_project_is_needed_once_something_is_made() -> None:
    ring = KeyRing(Google(None))

    with pytest.raises(ProviderError, match="project: required field is not set"):
        ring.create(resource(), {"name": "a", "location": "b"}, preview=False)


def test_a_removed_label_is_a_change() -> None:
    state: PropertyMap = {**KEY, "labels": {"a": "1", "b": "2"}}

    assert changes(CryptoKey, state, {**KEY, "labels": {"a": "1"}}) == {"labels.b": Change(Kind.DELETE)}

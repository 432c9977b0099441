import base64

import google_crc32c
import pytest

from sandbox.google.api_errors import GoogleError, JsonObject
from tests.unit.sandbox.google.google_clock import PROJECT, Parts

PLAINTEXT = base64.b64encode(b"of a barrier").decode()


def encrypt(parts: Parts, key: str, **more: str) -> str:
    ciphertext: str = parts.call("POST", f"{key}:encrypt", {"plaintext": PLAINTEXT, **more})["ciphertext"]
    return ciphertext


def test_what_is_encrypted_is_decrypted(parts: Parts) -> None:
    key = parts.create_key()
    answer = parts.call("POST", f"{key}:decrypt", {"ciphertext": encrypt(parts, key)})
    assert answer["plaintext"] == PLAINTEXT
    assert answer["plaintextCrc32c"] == str(google_crc32c.value(b"of a barrier"))
    assert answer["usedPrimary"] is True


def test_checksums_are_proved(parts: Parts) -> None:
    key = parts.create_key()
    checksum = str(google_crc32c.value(b"of a barrier"))
    body = {"plaintext": PLAINTEXT, "plaintextCrc32c": checksum}
    assert parts.call("POST", f"{key}:encrypt", body)["verifiedPlaintextCrc32c"] is True
    assert "verifiedPlaintextCrc32c" not in parts.call("POST", f"{key}:encrypt", {"plaintext": PLAINTEXT})
    refused = parts.error_of("POST", f"{key}:encrypt", {**body, "plaintextCrc32c": "1"})
    assert refused.startswith("INVALID_ARGUMENT: The checksum in field plaintext_crc32c did not match")


def test_a_ciphertext_belongs_to_its_key_and_its_additional_data(parts: Parts) -> None:
    key = parts.create_key()
    ring = key.partition("/cryptoKeys/")[0]
    body = {"purpose": "ENCRYPT_DECRYPT"}
    other = parts.call("POST", f"{ring}/cryptoKeys", body, cryptoKeyId="other")["name"]
    additional = base64.b64encode(b"context").decode()
    ciphertext = encrypt(parts, key, additionalAuthenticatedData=additional)
    assert (
        parts.error_of("POST", f"{other}:decrypt", {"ciphertext": ciphertext})
        == "INVALID_ARGUMENT: Decryption failed: verify that 'name' refers to the correct CryptoKey."
    )
    invalid = "INVALID_ARGUMENT: Decryption failed: the ciphertext is invalid."
    assert parts.error_of("POST", f"{key}:decrypt", {"ciphertext": ciphertext}) == invalid
    damaged = base64.b64decode(ciphertext)[:-1] + b"\0"
    body = {"ciphertext": base64.b64encode(damaged).decode(), "additionalAuthenticatedData": additional}
    assert parts.error_of("POST", f"{key}:decrypt", body) == invalid
    assert parts.error_of("POST", f"{key}:decrypt", {"ciphertext": PLAINTEXT}) == invalid


def test_names_are_taken_for_ever(parts: Parts) -> None:
    key = parts.create_key()
    ring = key.partition("/cryptoKeys/")[0]
    parts.call("POST", f"{key}/cryptoKeyVersions/1:destroy")
    parts.clock.pass_time(days=31)
    taken = parts.error_of("POST", f"{ring}/cryptoKeys", {"purpose": "ENCRYPT_DECRYPT"}, cryptoKeyId="key")
    assert taken == f"ALREADY_EXISTS: CryptoKey {key} already exists."
    rings = f"{PROJECT}/locations/global/keyRings"
    assert (
        parts.error_of("POST", rings, keyRingId="ring") == f"ALREADY_EXISTS: KeyRing {ring} already exists."
    )
    with pytest.raises(LookupError):
        parts.call("DELETE", ring)


def test_a_version_that_is_not_enabled_is_not_used(parts: Parts) -> None:
    key = parts.create_key()
    ciphertext = encrypt(parts, key)
    version = f"{key}/cryptoKeyVersions/1"
    parts.call("PATCH", version, {"state": "DISABLED"}, updateMask="state")
    said = f"FAILED_PRECONDITION: {version} is not enabled, current state is: DISABLED."
    assert parts.error_of("POST", f"{key}:encrypt", {"plaintext": PLAINTEXT}) == said
    assert parts.error_of("POST", f"{key}:decrypt", {"ciphertext": ciphertext}) == said
    parts.call("PATCH", version, {"state": "ENABLED"}, updateMask="state")
    assert parts.call("POST", f"{key}:decrypt", {"ciphertext": ciphertext})["plaintext"] == PLAINTEXT


def test_a_destruction_is_taken_back_until_its_time(parts: Parts) -> None:
    key = parts.create_key(destroyScheduledDuration="172800s")
    version = f"{key}/cryptoKeyVersions/1"
    scheduled = parts.call("POST", f"{version}:destroy")
    assert (scheduled["state"], scheduled["destroyTime"]) == ("DESTROY_SCHEDULED", "2026-03-03T12:00:00Z")
    assert "DESTROY_SCHEDULED" in parts.error_of("POST", f"{version}:destroy")
    assert parts.call("POST", f"{version}:restore")["state"] == "DISABLED"
    parts.call("POST", f"{version}:destroy")
    parts.clock.pass_time(days=2)
    assert parts.call("GET", version)["state"] == "DESTROYED"
    assert "DESTROYED" in parts.error_of("POST", f"{version}:restore")
    assert "DESTROYED" in parts.error_of("PATCH", version, {"state": "ENABLED"}, updateMask="state")


def test_rotation_makes_a_new_primary_and_the_old_one_decrypts(parts: Parts) -> None:
    key = parts.create_key(rotationPeriod="86400s", nextRotationTime="2026-03-02T12:00:00.123456789Z")
    ciphertext = encrypt(parts, key)
    parts.clock.pass_time(days=2, seconds=1)
    now = parts.call("GET", key)
    assert now["primary"]["name"] == f"{key}/cryptoKeyVersions/3"
    assert now["nextRotationTime"] == "2026-03-04T12:00:00Z"
    answer = parts.call("POST", f"{key}:decrypt", {"ciphertext": ciphertext})
    assert answer["plaintext"] == PLAINTEXT
    assert "usedPrimary" not in answer


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rotationPeriod": "86399s", "nextRotationTime": "2026-04-01T00:00:00Z"}, "Invalid rotation period"),
        ({"rotationPeriod": "86400s"}, "next_rotation_time must be set"),
        ({"nextRotationTime": "2026-02-01T00:00:00Z"}, "must be in the future"),
        ({"rotationPeriod": "1 day"}, "Invalid value at 'rotationPeriod'"),
        ({"nextRotationTime": "tomorrow"}, "Invalid value at 'nextRotationTime'"),
        ({"destroyScheduledDuration": "86399s"}, "between 1 and 120 days"),
        ({"purpose": None}, "purpose must be set"),
    ],
)
def test_settings_that_the_key_service_refuses(parts: Parts, fields: JsonObject, said: str) -> None:
    with pytest.raises(GoogleError, match=said) as raised:
        parts.create_key(**fields)
    assert raised.value.status == "INVALID_ARGUMENT"


def test_an_update_keeps_what_its_mask_leaves_out(parts: Parts) -> None:
    key = parts.create_key(
        labels={"a": "b"}, rotationPeriod="86400s", nextRotationTime="2026-03-02T12:00:00Z"
    )
    changed = parts.call("PATCH", key, {"labels": {"c": "d"}}, updateMask="labels")
    assert (changed["labels"], changed["rotationPeriod"]) == ({"c": "d"}, "86400s")
    changed = parts.call("PATCH", key, {}, updateMask="rotation_period,next_rotation_time")
    assert "rotationPeriod" not in changed
    assert "nextRotationTime" not in changed
    assert changed["labels"] == {"c": "d"}
    assert "can't be updated" in parts.error_of("PATCH", key, {"purpose": "MAC"}, updateMask="purpose")


def test_a_version_becomes_primary_only_when_it_is_enabled(parts: Parts) -> None:
    key = parts.create_key()
    second = parts.call("POST", f"{key}/cryptoKeyVersions")["name"]
    assert parts.call("GET", key)["primary"]["name"] == f"{key}/cryptoKeyVersions/1"
    parts.call("PATCH", second, {"state": "DISABLED"}, updateMask="state")
    body = {"cryptoKeyVersionId": "2"}
    assert "DISABLED" in parts.error_of("POST", f"{key}:updatePrimaryVersion", body)
    parts.call("PATCH", second, {"state": "ENABLED"}, updateMask="state")
    assert parts.call("POST", f"{key}:updatePrimaryVersion", body)["primary"]["name"] == second


def test_what_the_sandbox_does_not_have_is_refused() -> None:
    for fields in ({"purpose": "MAC"}, {"versionTemplate": {"protectionLevel": "HSM"}}):
        with pytest.raises(GoogleError, match="not implemented by the sandbox") as raised:
            Parts().create_key(**fields)
        assert raised.value.code == 501


def test_without_permission_nobody_learns_whether_a_key_is_there(parts: Parts) -> None:
    key = parts.create_key()
    for name in (key, f"{key}-other"):
        with pytest.raises(GoogleError) as raised:
            parts.call("GET", name, member="user:someone@example.com")
        assert raised.value.message == (
            f"Permission 'cloudkms.cryptoKeys.get' denied on resource '{name}' (or it may not exist)."
        )
        assert raised.value.code == 403


def test_a_list_has_what_its_filter_names(parts: Parts) -> None:
    key = parts.create_key()
    ring = key.partition("/cryptoKeys/")[0]
    parts.call("POST", f"{ring}/cryptoKeys", {"purpose": "ENCRYPT_DECRYPT"}, cryptoKeyId="other")
    rings = f"{PROJECT}/locations/global/keyRings"
    found = parts.call("GET", f"{ring}/cryptoKeys", filter=f"name={key}")["cryptoKeys"]
    assert [entry["name"] for entry in found] == [key]
    assert parts.call("GET", rings, filter=f"name={ring}")["totalSize"] == 1
    assert parts.call("GET", rings, filter=f"name={ring}-2") == {}
    assert "not implemented" in parts.error_of("GET", rings, filter="name:ring")

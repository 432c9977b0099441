"""Which PGP public keys are taken, and what is said of the others."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysequoia
import pytest
from pysequoia.packet import Packet, PacketPile

from components.custody.pgp_keys import PgpKeyError, fingerprints, load_public_key, why_unusable
from tests.unit.fakes.pgp_keys import EXPIRED, EXPIRED_SUBKEY, REVOKED_SUBKEY

SECRET = pysequoia.Tsk.generate(user_id="Holder <holder@example.com>", profile=pysequoia.Profile.RFC4880)
CERTIFICATE = SECRET.extract_certificate()
BINARY = bytes(CERTIFICATE)
ARMORED = str(CERTIFICATE)


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def packets() -> Sequence[Packet]:
    return list(PacketPile.from_bytes(BINARY))


def joined(parts: Sequence[Packet]) -> str:
    return encoded(b"".join(bytes(part) for part in parts))


def refusal(text: str) -> str:
    with pytest.raises(PgpKeyError) as raised:
        load_public_key(text)
    return str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        encoded(BINARY),
        encoded(ARMORED.encode()),
        ARMORED,
        f"\n{ARMORED}\n",
        base64.encodebytes(BINARY).decode(),
    ],
    ids=["base64", "base64 of armor", "armor", "armor with blank lines", "wrapped base64"],
)
def test_key_in_the_settings(text: str) -> None:
    key = load_public_key(text)
    assert key.fingerprint == CERTIFICATE.fingerprint
    assert base64.b64decode(key.base64) == BINARY


@pytest.mark.parametrize("content", [BINARY, ARMORED.encode()], ids=["binary", "armor"])
def test_key_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    (tmp_path / "holder.pub").write_bytes(content)
    assert base64.b64decode(load_public_key(str(tmp_path / "holder.pub")).base64) == BINARY
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_public_key("~/holder.pub").fingerprint == CERTIFICATE.fingerprint


def test_message_encrypted_to_it_is_the_holders_to_read() -> None:
    certificate = pysequoia.Cert.from_bytes(base64.b64decode(load_public_key(ARMORED).base64))
    message = pysequoia.encrypt(b"share", [certificate])
    assert pysequoia.decrypt(message, decryptor=SECRET.decryptor()).bytes == b"share"


@pytest.mark.parametrize("content", [bytes(SECRET), str(SECRET).encode()], ids=["binary", "armor"])
def test_secret_key(content: bytes) -> None:
    said = refusal(encoded(content))
    assert "It is a secret key" in said
    assert encoded(content)[40:80] not in said


def test_secret_key_as_armor() -> None:
    assert "It is a secret key" in refusal(str(SECRET))


def test_two_keys() -> None:
    other = pysequoia.Tsk.generate(user_id="Other", profile=pysequoia.Profile.RFC4880).extract_certificate()
    assert "It holds 2 PGP public keys" in refusal(encoded(BINARY + bytes(other)))
    assert "It holds 2 PGP public keys" in refusal(ARMORED + str(other))


@pytest.mark.parametrize(
    "content",
    [b"hello, this is no key at all", BINARY[:300], BINARY + b"more"],
    ids=["text", "cut off", "with a tail"],
)
def test_something_else_in_base64(content: bytes) -> None:
    said = refusal(encoded(content))
    assert "It isn't a PGP public key" in said
    assert "backtrace" not in said
    assert "\n" not in said


def test_nothing() -> None:
    assert "It holds 0 PGP public keys" in refusal("")


def test_message_instead_of_a_key() -> None:
    message = pysequoia.encrypt(b"share", [CERTIFICATE], armor=False)
    assert "It isn't a PGP public key" in refusal(encoded(message))


def test_neither_file_nor_base64(tmp_path: Path) -> None:
    said = refusal(str(tmp_path / "missing.pub"))
    assert "neither base64 nor a file that is there" in said


def test_folder(tmp_path: Path) -> None:
    assert "neither base64 nor a file" in refusal(str(tmp_path))


def test_keybase() -> None:
    assert "Keys from Keybase aren't fetched here" in refusal("keybase:holder")


def problem(text: str) -> str:
    """Why nothing can be encrypted to a key that is read all the same."""
    found = why_unusable(load_public_key(text).base64)
    assert found is not None
    return found


def test_expired_key() -> None:
    assert "expired on 2020-02-01" in problem(EXPIRED)


@pytest.mark.parametrize("text", [EXPIRED_SUBKEY, REVOKED_SUBKEY], ids=["expired", "revoked"])
def test_key_whose_encryption_ended(text: str) -> None:
    assert "has no key to encrypt to that is neither expired nor revoked" in problem(text)


def test_renewed_key() -> None:
    expiring = CERTIFICATE.set_expiration(datetime.now(UTC) + timedelta(days=1), SECRET.certifier())
    renewed = load_public_key(str(expiring))
    assert renewed.fingerprint == CERTIFICATE.fingerprint
    assert why_unusable(renewed.base64) is None
    former = load_public_key(ARMORED).base64
    assert former != renewed.base64
    assert fingerprints([former]) == fingerprints([renewed.base64]) == [CERTIFICATE.fingerprint]


def test_revoked_key() -> None:
    revocation = CERTIFICATE.revoke(SECRET.certifier())
    first, *others = packets()
    text = encoded(bytes(first) + bytes(revocation) + b"".join(bytes(part) for part in others))
    assert f"{CERTIFICATE.fingerprint} is revoked" in problem(text)


def test_key_that_only_signs() -> None:
    parts = packets()
    at = next(n for n, part in enumerate(parts) if part.key_flags and part.key_flags.transport_encryption)
    # The binding signature, and the subkey before it.
    assert "has no key to encrypt to" in problem(joined([*parts[: at - 1], *parts[at + 1 :]]))


def test_subkey_without_a_binding_is_passed_over() -> None:
    parts = packets()
    at = next(n for n, part in enumerate(parts) if part.key_flags and part.key_flags.transport_encryption)
    other = pysequoia.Tsk.generate(user_id="Other", profile=pysequoia.Profile.RFC4880).extract_certificate()
    unbound = list(PacketPile.from_bytes(bytes(other)))[at - 1]
    text = joined([*parts[: at - 1], unbound, *parts[at - 1 :]])
    assert load_public_key(text).fingerprint == CERTIFICATE.fingerprint


def test_key_without_signatures() -> None:
    assert "has no valid signature of its own" in refusal(joined(packets()[:1]))


def test_key_without_a_user_id() -> None:
    nameless = pysequoia.Tsk.generate(profile=pysequoia.Profile.RFC4880).extract_certificate()
    assert "has no user ID" in refusal(encoded(bytes(nameless)))


def test_key_of_a_newer_version() -> None:
    newer = pysequoia.Tsk.generate(user_id="New", profile=pysequoia.Profile.RFC9580).extract_certificate()
    assert "newer OpenPGP version" in refusal(encoded(bytes(newer)))


@pytest.mark.parametrize(
    ("suite", "encryption", "named"),
    [
        (pysequoia.CipherSuite.Cv448, None, "Ed448"),
        (pysequoia.CipherSuite.Cv25519, pysequoia.EncryptionAlgorithm.X25519, "X25519"),
    ],
    ids=["primary key", "subkey"],
)
def test_key_of_a_kind_that_vault_cannot_read(
    suite: pysequoia.CipherSuite, encryption: pysequoia.EncryptionAlgorithm | None, named: str
) -> None:
    unreadable = pysequoia.Tsk.generate(
        user_id="New",
        profile=pysequoia.Profile.RFC4880,
        cipher_suite=suite,
        encryption_algorithm=encryption,
    ).extract_certificate()
    assert f"has a part of kind {named}, which Vault can't read" in refusal(str(unreadable))

"""Which PGP public keys are taken, and what is said of the others."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysequoia
import pytest
from pysequoia.packet import Packet, PacketPile

from components.custody.pgp_keys import PgpKeyError, load_public_key

SECRET = pysequoia.Tsk.generate(user_id="Holder <holder@example.com>", profile=pysequoia.Profile.RFC4880)
CERTIFICATE = SECRET.extract_certificate()
BINARY = bytes(CERTIFICATE)
ARMORED = str(CERTIFICATE)

# Made with GnuPG, as are the two below; this one was valid for January 2020.
EXPIRED = """-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEXgvhABYJKwYBBAHaRw8BAQdAw8gsvsOoWadhJ6xwDcPk/46CbJ0oDGBIE4hl
rt/H4kS0B0V4cGlyZWSIlgQTFggAPhYhBMW70N7nguePfJ3vV3nQtITNLSOZBQJe
C+EAAhsDBQkAKYdABQsJCAcCBhUKCQgLAgQWAgMBAh4BAheAAAoJEHnQtITNLSOZ
moEA/001uFEuYeH8I3ILmEKskjT34bnwXZNljdCWYgOK98tpAQCTjmLxuxjQzpTT
7fzBG3t4WLJgbwbIJfkonnqYxGfKArg4BF4L4QASCisGAQQBl1UBBQEBB0CdhbKS
wY+MUSlrhC8Ze2WZb1pS5HCSJtWdB3M6ZKniEgMBCAeIeAQYFggAIBYhBMW70N7n
guePfJ3vV3nQtITNLSOZBQJeC+EAAhsMAAoJEHnQtITNLSOZLXEBAIv4UxZyCOGo
fBSViHjjpmLRFrDloofw3TYCFBYyVe1+AP9BoXLGd8XNRk+PucaFy9iP2ZIT+0CF
YgNwnt+60Qi/DA==
=Mr+R
-----END PGP PUBLIC KEY BLOCK-----
"""
# Only its key for encryption was for January 2020.
EXPIRED_SUBKEY = """-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEXgvhABYJKwYBBAHaRw8BAQdACRKxn8+BpBqP1X+1CIJMO19kqKwtQBZI06SK
lpOJMgm0DlN1YmtleSBleHBpcmVkiJAEExYIADgWIQTrNEQrwMtQQegqYGGpvZQy
fWLi6QUCXgvhAAIbAwULCQgHAgYVCgkICwIEFgIDAQIeAQIXgAAKCRCpvZQyfWLi
6dYoAP9J+rA8IxGhcKwuXsH5LsCG2YBpxzn0XSOUFaktM0hEbwEAhvWrGeeTbuSc
B6fvJKq3TVTvoizH+mx+6XfTaSuA5QW4OAReC+EAEgorBgEEAZdVAQUBAQdAPU/j
f1kyZTkZfJsKqZbF+TbkWXbzy58M5oeMdqpPmEoDAQgHiH4EGBYIACYWIQTrNEQr
wMtQQegqYGGpvZQyfWLi6QUCXgvhAAIbDAUJACmHQAAKCRCpvZQyfWLi6X2dAP0S
H8/XDRCVfWu0kcKuE4JPqa4N9uHESjHycqCOdy3iFAD8DM4d7GQUk0tfhGXShWXS
hH2LjniPGzkOYKysO9yyNg8=
=mpVY
-----END PGP PUBLIC KEY BLOCK-----
"""
REVOKED_SUBKEY = """-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEXgvhABYJKwYBBAHaRw8BAQdAl/K9me1QVT4N5e34fTkjInarusSUJkyNXez4
MBKli2+0DlN1YmtleSByZXZva2VkiJAEExYIADgWIQQdd5BHbp2ymuLgHp2XMaeH
TZGbYQUCXgvhAAIbAwULCQgHAgYVCgkICwIEFgIDAQIeAQIXgAAKCRCXMaeHTZGb
YY+dAP9dVt/WaxBfBSuRDiR/LKrwZQDtzi5C0zakkP4xXfUFSwEA4SGW8LT+N6xu
UZAnbYB4FJSekxCnOCmM+C05tqvekw+4OAReC+EAEgorBgEEAZdVAQUBAQdAr2Co
JFgwdLoj9smRGpxR2/hmB/JZw7RldCLQ2ZtBkW0DAQgHiHgEKBYIACAWIQQdd5BH
bp2ymuLgHp2XMaeHTZGbYQUCawSYOQIdAAAKCRCXMaeHTZGbYXuDAP9r4Lwwb9GO
9QZ80LpQgGFZ+VTLnLzKTPeOudeKDBYwCgEAi8ANsKIqctmbqlk7dP1mVxxUKcGh
UL1rahxtQfXVaQiIeAQYFggAIBYhBB13kEdunbKa4uAenZcxp4dNkZthBQJeC+EA
AhsMAAoJEJcxp4dNkZth50gA/jngUpa0WpHBOZxV8G51P+4RYHtPCUuXgmLhx0ok
LP9+AP9Y3JK+5Itd0eIBbjId0vnOY8bV6J+abyW7+6qaDIjEDQ==
=j+Mi
-----END PGP PUBLIC KEY BLOCK-----
"""


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


def test_expired_key() -> None:
    assert "expired on 2020-02-01" in refusal(EXPIRED)


@pytest.mark.parametrize("text", [EXPIRED_SUBKEY, REVOKED_SUBKEY], ids=["expired", "revoked"])
def test_key_whose_encryption_ended(text: str) -> None:
    assert "has no key to encrypt to that is neither expired nor revoked" in refusal(text)


def test_renewed_key() -> None:
    expiring = CERTIFICATE.set_expiration(datetime.now(UTC) + timedelta(days=1), SECRET.certifier())
    assert load_public_key(str(expiring)).fingerprint == CERTIFICATE.fingerprint


def test_revoked_key() -> None:
    revocation = CERTIFICATE.revoke(SECRET.certifier())
    first, *others = packets()
    text = encoded(bytes(first) + bytes(revocation) + b"".join(bytes(part) for part in others))
    assert f"{CERTIFICATE.fingerprint} is revoked" in refusal(text)


def test_key_that_only_signs() -> None:
    parts = packets()
    at = next(n for n, part in enumerate(parts) if part.key_flags and part.key_flags.transport_encryption)
    # The binding signature, and the subkey before it.
    assert "has no key to encrypt to" in refusal(joined([*parts[: at - 1], *parts[at + 1 :]]))


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

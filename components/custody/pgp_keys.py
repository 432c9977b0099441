"""Checks the PGP public keys of the holders of shares and root token, before Vault encrypts to them.

Vault takes them as base64 of the binary form (helper/pgpkeys in its source) and reads them only during the
init; shares encrypted to a key that nobody can use would be lost.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pysequoia
from pysequoia.packet import Packet, PacketPile, PublicKeyAlgorithm, SignatureType, Tag

from components.errors import DeploymentError

PUBLIC_KEY_TAGS = (Tag.PublicKey, Tag.PublicSubkey)
SECRET_KEY_TAGS = (Tag.SecretKey, Tag.SecretSubkey)
# Those that the OpenPGP library of every Vault reads: one other part makes a key unreadable to 1.18.1, while
# 1.21.2 reads X25519 as well (both were tried).
READABLE_ALGORITHMS = (
    PublicKeyAlgorithm.RSAEncryptSign,
    PublicKeyAlgorithm.RSAEncrypt,
    PublicKeyAlgorithm.RSASign,
    PublicKeyAlgorithm.ElGamalEncrypt,
    PublicKeyAlgorithm.DSA,
    PublicKeyAlgorithm.ECDH,
    PublicKeyAlgorithm.ECDSA,
    PublicKeyAlgorithm.EdDSA,
)
# Digits of a fingerprint of version 4 (RFC 4880); Vault's OpenPGP library reads no later version.
FINGERPRINT_DIGITS = 40


class PgpKeyError(DeploymentError):
    """The text can't be used as a PGP public key; the message says why, and shows nothing of it."""


@dataclass(frozen=True)
class PublicKey:
    """A public key that shares can be encrypted to."""

    base64: str
    """Of the binary form, as Vault takes it."""
    fingerprint: str
    """40 hexadecimal digits in lower case, as Vault names the key."""


def load_public_key(text: str) -> PublicKey:
    """Return the key in ``text``: base64 of a binary or armored key, an armored key, or a file's path.

    Raises :class:`PgpKeyError` unless it is exactly one certificate without secret parts that Vault can read.
    Whether it can still be encrypted to is another question, see :func:`why_unusable`: years after the init
    nobody asks it.
    """
    certificate = _certificate(_content(text.strip()))
    _require_readable(certificate)
    return PublicKey(
        base64=base64.b64encode(bytes(certificate)).decode(), fingerprint=certificate.fingerprint.lower()
    )


def encrypt_share(share: str, pgp_key: str) -> str:
    """Encrypt a share (base64) to a key (base64) as Vault would: return base64 of a PGP message.

    The message holds the share's hexadecimal digits, which Vault accepts as well as base64.
    """
    certificate = pysequoia.Cert.from_bytes(base64.b64decode(pgp_key))
    digits = base64.b64decode(share).hex().encode()
    return base64.b64encode(pysequoia.encrypt(digits, [certificate], armor=False)).decode()


def fingerprints(keys: Sequence[str | None]) -> Sequence[str]:
    """Return the fingerprints of these keys (base64), which stay when their holders renew them.

    Raises :class:`PgpKeyError` if one isn't a key.
    """
    return [_certificate(base64.b64decode(key)).fingerprint.lower() for key in keys if key]


def why_unusable(key: str) -> str | None:
    """Return why nothing can be encrypted to this key (base64) now: it is revoked, or expired on a date.

    Without a full stop; None if it can be.
    """
    certificate = _certificate(base64.b64decode(key))
    name = f"The PGP key {certificate.fingerprint}"
    if certificate.is_revoked:
        return f"{name} is revoked"
    expiration = certificate.expiration
    if expiration is not None and expiration <= datetime.now(UTC):
        return f"{name} expired on {expiration:%Y-%m-%d}"
    if not _can_be_encrypted_to(certificate):
        return f"{name} has no key to encrypt to that is neither expired nor revoked"
    return None


def _content(text: str) -> bytes:
    if text.startswith("keybase:"):
        raise PgpKeyError(
            "Keys from Keybase aren't fetched here. Export the public key (gpg --export, or the holder's "
            "page on Keybase) and give its file or its base64."
        )
    if text.startswith("-----BEGIN PGP"):
        return text.encode()
    path = Path(text).expanduser()
    # A key in base64 is too long for a file name, which is an error on some systems.
    try:
        if path.is_file():
            return path.read_bytes()
    except OSError as error:
        if len(text) < 256:
            raise PgpKeyError(f"The file {text!r} can't be read: {error.strerror}.") from None
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise PgpKeyError(
            "It is neither base64 nor a file that is there. Give the path of a file with the public key, or "
            "base64 of it (gpg --export <who> | base64 --wrap=0)."
        ) from None


def _certificate(content: bytes) -> pysequoia.Cert:
    try:
        tags = [packet.tag for packet in PacketPile.from_bytes(content)]
        # The first check: a secret key must not be processed any further.
        if any(tag in SECRET_KEY_TAGS for tag in tags):
            raise PgpKeyError("It is a secret key. Give only the public key: gpg --export <who>.")
        certificates = pysequoia.Cert.split_bytes(content)
    except RuntimeError as error:
        raise PgpKeyError(f"It isn't a PGP public key: {_first_line(error)}.") from None
    if len(certificates) != 1:
        raise PgpKeyError(
            f"It holds {len(certificates)} PGP public keys. Give one a holder: gpg --export <fingerprint>."
        )
    return certificates[0]


def _require_readable(certificate: pysequoia.Cert) -> None:
    name = f"The PGP key {certificate.fingerprint}"
    if len(certificate.fingerprint) != FINGERPRINT_DIGITS:
        raise PgpKeyError(
            f"{name} is of a newer OpenPGP version (RFC 9580) than Vault can read; make one of version 4 "
            "(RFC 4880)."
        )
    unreadable = [
        str(packet.key_algorithm).removeprefix("PublicKeyAlgorithm.")
        for packet in PacketPile.from_bytes(bytes(certificate))
        if packet.key_algorithm is not None and packet.key_algorithm not in READABLE_ALGORITHMS
    ]
    if unreadable:
        raise PgpKeyError(
            f"{name} has a part of kind {unreadable[0]}, which Vault can't read; make one of RSA, or of "
            "Curve 25519 in the form of GnuPG 2.2."
        )
    try:
        identities = certificate.user_ids
    except RuntimeError as error:
        raise PgpKeyError(f"{name} has no valid signature of its own: {_first_line(error)}.") from None
    if not identities:
        raise PgpKeyError(
            f"{name} has no user ID that is signed and not revoked, without which Vault doesn't take it."
        )


def _can_be_encrypted_to(certificate: pysequoia.Cert) -> bool:
    try:
        # Accepts a key with valid signatures that is for encryption, but also an expired or revoked one.
        pysequoia.encrypt(b"", [certificate])
    except RuntimeError:
        return False
    keys: list[list[Packet]] = []
    for packet in PacketPile.from_bytes(bytes(certificate)):
        if packet.tag in PUBLIC_KEY_TAGS:
            keys.append([])
        keys[-1].append(packet)
    return any(_encrypts_now(key, signatures) for key, *signatures in keys)


def _encrypts_now(key: Packet, following: Sequence[Packet]) -> bool:
    """Return whether a key, by its packets up to the next key, is for encryption, unexpired and unrevoked."""
    if any(packet.signature_type == SignatureType.SubkeyRevocation for packet in following):
        return False
    bindings = [packet for packet in following if packet.key_flags]
    if not bindings or key.key_created is None:
        return False
    # A renewed binding replaces the earlier ones.
    binding = max(bindings, key=_signed_at)
    period, flags = binding.key_validity_period, binding.key_flags
    if period and key.key_created + period <= datetime.now(UTC):
        return False
    return flags is not None and (flags.transport_encryption or flags.storage_encryption)


def _signed_at(signature: Packet) -> datetime:
    return signature.signature_created or datetime.fromtimestamp(0, UTC)


def _first_line(error: RuntimeError) -> str:
    """Return the first line of the library's error, whose other lines are a stack trace."""
    return str(error).split("\n", 1)[0]

"""Encrypting and decrypting with a crypto key: AES-256-GCM, with checksums on both ways.

https://cloud.google.com/kms/docs/data-integrity-guidelines.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from typing import Any

import google_crc32c
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.google.api_errors import GoogleError, JsonObject
from sandbox.google.key_rings import CryptoKey, KeyVersion

LARGEST_BYTES = 64 * 1024
_MARK = b"\x0a\x24\x00"
_FINGERPRINT_BYTES, _NUMBER_BYTES, _NONCE_BYTES = 16, 4, 12
_HEADER_BYTES = len(_MARK) + _FINGERPRINT_BYTES + _NUMBER_BYTES + _NONCE_BYTES


def encrypt(key: CryptoKey, version: KeyVersion | None, body: Mapping[str, Any]) -> JsonObject:
    """Serve `cryptoKeys.encrypt`, with the primary version if none is given.

    Raises GoogleError: INVALID_ARGUMENT for what is too large or doesn't match its checksum,
    FAILED_PRECONDITION if the version isn't enabled.
    """
    plaintext, plaintext_verified = _content(body, "plaintext")
    additional, additional_verified = _content(body, "additionalAuthenticatedData")
    used = version or key.primary
    if used is None:
        raise GoogleError("FAILED_PRECONDITION", f"{key.name} has no primary version.")
    used.require_enabled()
    nonce = os.urandom(_NONCE_BYTES)
    header = _MARK + _fingerprint(key) + used.number.to_bytes(_NUMBER_BYTES, "big") + nonce
    ciphertext = header + AESGCM(used.material).encrypt(nonce, plaintext, additional)
    answer: JsonObject = {
        "name": used.name,
        "ciphertext": base64.b64encode(ciphertext).decode(),
        "ciphertextCrc32c": str(google_crc32c.value(ciphertext)),
        "protectionLevel": "SOFTWARE",
    }
    if plaintext_verified:
        answer["verifiedPlaintextCrc32c"] = True
    if additional_verified:
        answer["verifiedAdditionalAuthenticatedDataCrc32c"] = True
    return answer


def decrypt(key: CryptoKey, body: Mapping[str, Any]) -> JsonObject:
    """Serve `cryptoKeys.decrypt`, with the version that the ciphertext was made with.

    Raises GoogleError as `encrypt` does, and INVALID_ARGUMENT for another key's ciphertext, another
    additional data, and what is no ciphertext.
    """
    ciphertext, _ = _content(body, "ciphertext", largest=2 * LARGEST_BYTES)
    additional, _ = _content(body, "additionalAuthenticatedData")
    if not ciphertext.startswith(_MARK) or len(ciphertext) < _HEADER_BYTES:
        raise GoogleError("INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.")
    position = len(_MARK) + _FINGERPRINT_BYTES
    number = int.from_bytes(ciphertext[position : position + _NUMBER_BYTES], "big")
    if ciphertext[len(_MARK) : position] != _fingerprint(key) or not 0 < number <= len(key.versions):
        raise GoogleError(
            "INVALID_ARGUMENT", "Decryption failed: verify that 'name' refers to the correct CryptoKey."
        )
    version = key.versions[number - 1]
    version.require_enabled()
    nonce = ciphertext[position + _NUMBER_BYTES : _HEADER_BYTES]
    try:
        plaintext = AESGCM(version.material).decrypt(nonce, ciphertext[_HEADER_BYTES:], additional)
    except InvalidTag:
        raise GoogleError("INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.") from None
    answer: JsonObject = {
        "plaintext": base64.b64encode(plaintext).decode(),
        "plaintextCrc32c": str(google_crc32c.value(plaintext)),
        "protectionLevel": "SOFTWARE",
    }
    return {**answer, "usedPrimary": True} if version is key.primary else answer


def _fingerprint(key: CryptoKey) -> bytes:
    return hashlib.sha256(key.name.encode()).digest()[:_FINGERPRINT_BYTES]


def _content(body: Mapping[str, Any], name: str, largest: int = LARGEST_BYTES) -> tuple[bytes, bool]:
    """Return a field's bytes, and whether a checksum proved them."""
    try:
        content = base64.b64decode(str(body.get(name, "")), validate=True)
    except binascii.Error:
        raise GoogleError(
            "INVALID_ARGUMENT", f"Invalid value at '{name}' (TYPE_BYTES), Base64 decoding failed"
        ) from None
    if len(content) > largest:
        raise GoogleError("INVALID_ARGUMENT", f"The {name} is longer than {largest} bytes.")
    checksum = body.get(f"{name}Crc32c")
    if checksum is None:
        return content, False
    if str(checksum) != str(google_crc32c.value(content)):
        raise GoogleError(
            "INVALID_ARGUMENT",
            f"The checksum in field {name}_crc32c did not match the data in field {name}.",
        )
    return content, True

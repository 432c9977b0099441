"""Encrypts the journal of an init. The encryption key exists before Vault generates its own keys."""

import base64
import binascii
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from components.errors import DeploymentError
from components.seal_preflight import DATA_KEY_BYTES, KeyWrapper, SettlingError, until_settled

_WAIT_SECONDS = 60
_SALT_BYTES = 16
_NONCE_BYTES = 12
_PURPOSE = b"vault-autounseal init journal\n"

Answer = TypeVar("Answer")


class JournalError(DeploymentError):
    """The journal can't be written, read or decrypted; the message names its location."""


@dataclass(frozen=True, repr=False)
class JournalDataKey:
    """The key of one journal: AES-256-GCM, bound to the Vault that the journal belongs to."""

    header: Mapping[str, str]
    """Recovers the key in a later run; not secret."""
    key: bytes
    deployment: str

    def encrypt(self, plain: bytes) -> str:
        """Return base64 of nonce and ciphertext."""
        # Imported where it is used: a preview encrypts nothing, and it takes a part of a second.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self.key).encrypt(nonce, plain, self._context)
        return base64.b64encode(nonce + sealed).decode()

    def decrypt(self, ciphertext: str) -> bytes:
        """Decrypt that; raise :class:`JournalError` for another key or deployment, or a changed text."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        sealed = decoded(ciphertext)
        try:
            return AESGCM(self.key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._context)
        # A nonce that is too short raises a ValueError.
        except (InvalidTag, ValueError):
            raise JournalError(
                "it was encrypted with another key, for another deployment, or was changed since"
            ) from None

    @property
    def _context(self) -> bytes:
        return _PURPOSE + self.deployment.encode()


class JournalCipher(ABC):
    """Creates a journal's data key, and recovers that of an earlier run."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """The cipher's name in the header of a journal."""

    def prepare(self, deployment: str) -> JournalDataKey:
        """Return a new key, verified to be recoverable from its header; raise :class:`JournalError`."""
        header, key = self._make(deployment)
        if self._open(header, deployment) != key:
            raise JournalError("the key of the journal didn't come back from its header as it went in")
        return JournalDataKey({"cipher": self.kind, **header}, key, deployment)

    def open(self, header: Mapping[str, str], deployment: str) -> JournalDataKey:
        """Return the key of the journal with that header; raise :class:`JournalError` if that fails."""
        kind = header.get("cipher", "")
        if kind != self.kind:
            raise JournalError(
                f"it was encrypted with a key of kind {kind!r}, and this run has one of kind {self.kind!r}; "
                "set the seal and init.preflight as they were"
            )
        return JournalDataKey(header, self._open(header, deployment), deployment)

    @abstractmethod
    def _make(self, deployment: str) -> tuple[Mapping[str, str], bytes]:
        """Return the header of a new key, and the key; raise :class:`JournalError`."""

    @abstractmethod
    def _open(self, header: Mapping[str, str], deployment: str) -> bytes:
        """Return the key that belongs to the header; raise :class:`JournalError`."""


@dataclass(frozen=True, repr=False)
class StackKeyCipher(JournalCipher):
    """Derives the data key from one in the stack's encrypted state, so it exists as long as the state."""

    stack_key: str
    """Base64 of 32 random bytes; secret."""

    @property
    def kind(self) -> str:
        """The name of the cipher whose key comes from the stack."""
        return "stack-key"

    def _make(self, deployment: str) -> tuple[Mapping[str, str], bytes]:
        header = {"salt": base64.b64encode(secrets.token_bytes(_SALT_BYTES)).decode()}
        return header, self._open(header, deployment)

    def _open(self, header: Mapping[str, str], deployment: str) -> bytes:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        root = decoded(self.stack_key)
        if len(root) != DATA_KEY_BYTES:
            raise JournalError(f"the stack's key for it hasn't {DATA_KEY_BYTES} bytes")
        derivation = HKDF(
            algorithm=SHA256(),
            length=DATA_KEY_BYTES,
            salt=decoded(header.get("salt", "")),
            info=_PURPOSE + deployment.encode(),
        )
        return derivation.derive(root)


@dataclass(frozen=True, repr=False)
class SealKeyCipher(JournalCipher):
    """Wraps the data key with the seal's key: everybody who may unseal Vault may read the journal."""

    wrapper: KeyWrapper
    earlier: StackKeyCipher
    """Opens a journal from before a migration from Shamir's seal."""

    @property
    def kind(self) -> str:
        """The wrapper's kind."""
        return self.wrapper.kind

    def open(self, header: Mapping[str, str], deployment: str) -> JournalDataKey:
        """Return the key of the journal with that header, by whichever of the two keys it was made."""
        if header.get("cipher") == self.earlier.kind:
            return self.earlier.open(header, deployment)
        return super().open(header, deployment)

    def _make(self, deployment: str) -> tuple[Mapping[str, str], bytes]:
        key = secrets.token_bytes(DATA_KEY_BYTES)
        wrapped = self._settled(lambda: self.wrapper.wrap(key, deployment))
        return {self.wrapper.key_field: self.wrapper.key_name, **wrapped}, key

    def _open(self, header: Mapping[str, str], deployment: str) -> bytes:
        used = header.get(self.wrapper.key_field)
        if used != self.wrapper.key_name:
            raise JournalError(
                f"its key was wrapped by {used}, and the seal's key is {self.wrapper.key_name}; let the "
                "stack use the earlier key again"
            )
        try:
            return self._settled(lambda: self.wrapper.unwrap(header, deployment))
        # A damaged journal, not an error of the key service (binascii.Error is a ValueError).
        except (KeyError, ValueError):
            raise JournalError("the wrapped key in it is damaged") from None

    def _settled(self, request: Callable[[], Answer]) -> Answer:
        try:
            return until_settled("Waiting for the key of the journal", _WAIT_SECONDS, request)
        except SettlingError as error:
            raise JournalError(f"its key can't be recovered: {error}") from None


def decoded(text: str) -> bytes:
    """Decode base64; raise :class:`JournalError` if it isn't base64, without quoting it."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise JournalError("a part of it isn't base64") from None

"""Stores root token and shares after the init: in the stack's state, or in the store of the settings."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from components.custody.key_record import KeyRecord, KeyRecordError
from components.custody.key_store import KeyReference, KeyStore, KeyStoreError, store_from_properties
from components.kubernetes.kubectl import KubernetesTarget
from components.kubernetes.lease import LeaseLostError, LeaseUnconfirmedError, RunLease
from components.progress import say

STATE_LOCATION = "the stack's state"
WRITE_ATTEMPTS = 4
_PAUSE_SECONDS = 2.0


class KeysNotStoredError(KeyStoreError):
    """The store didn't accept the keys, in spite of retries."""


class _OtherKeysError(KeyStoreError):
    """The store has keys that must not be overwritten."""


@dataclass(frozen=True)
class KeyCustody:
    """The place where the keys of one Vault are stored."""

    store: KeyStore | None
    """None for the state, which the engine writes itself once the resource has returned."""
    target: KubernetesTarget
    deployment: str
    """The Vault whose keys they are, see :class:`KeyRecord`."""

    @staticmethod
    def from_properties(
        properties: Mapping[str, Any] | None, target: KubernetesTarget, deployment: str
    ) -> "KeyCustody":
        """Return the custody of a resource's property `custody`; empty means the state."""
        store = store_from_properties(properties) if properties else None
        return KeyCustody(store=store, target=target, deployment=deployment)

    @property
    def location(self) -> str:
        """The place of the keys, for messages."""
        return self.store.location if self.store is not None else STATE_LOCATION

    def probe(self, largest: Callable[[], KeyRecord]) -> None:
        """Prove that keys can be stored, and that a record as long as the ``largest`` fits.

        Raises :class:`KeyStoreError` otherwise.
        """
        if self.store is not None:
            self.require_room(largest)
            self.store.probe(self.target)

    def require_room(self, largest: Callable[[], KeyRecord]) -> None:
        """Raise :class:`KeyStoreError` if the store takes no record as long as the ``largest``."""
        if self.store is not None and self.store.largest_record_bytes is not None:
            self.store.record_text(largest())

    def find(self) -> KeyRecord | None:
        """Return the keys of this Vault that the store has.

        Raises :class:`KeyStoreError` if it has those of another Vault, or something else.
        """
        if self.store is None:
            return None
        try:
            record = self.store.read(self.target)
        except KeyRecordError as error:
            raise KeyStoreError(
                f"{self.location} holds something else than keys of this program: {error}. "
                "Nothing was changed. Set another place in custody."
            ) from None
        if record is not None and record.deployment != self.deployment:
            raise KeyStoreError(
                f"{self.location} holds the keys of another Vault ({record.deployment}; this one is "
                f"{self.deployment}). They were left alone. Set another place in custody."
            )
        return record

    def find_earlier(self, fingerprint: str, version: str) -> KeyRecord | None:
        """Return the keys of this Vault that have that fingerprint, from an earlier version of the store.

        ``version`` is where they were, if that is known. None if the store hasn't got them any more, as the
        state never has. Raises :class:`KeyStoreError`.
        """
        if self.store is None:
            return None
        for record in self.store.earlier(version, self.target):
            if record.fingerprint == fingerprint and record.deployment == self.deployment:
                return record
        return None

    def root_token(self, in_state: str) -> str:
        """Return the plain root token, ``in_state`` if the state has it; empty if it isn't available here."""
        if self.store is None:
            return in_state
        record = self.find()
        return record.plain_root_token if record is not None else ""

    def put(self, record: KeyRecord, lease: RunLease | None, *, replaces: str = "") -> KeyReference:
        """Store the keys over nothing, over the same shares, or over those whose fingerprint is ``replaces``.

        ``lease`` is checked before each write. It is None for keys that are nowhere else: better stored by a
        run that has lost the lease than lost. Raises :class:`KeysNotStoredError` if the store doesn't accept
        them, has other keys, or the lease is lost. Other errors are retried: keys can't be generated again.
        """
        if self.store is None:
            return KeyReference(location=STATE_LOCATION, version="")
        for attempt in range(1, WRITE_ATTEMPTS + 1):
            try:
                self._require_replaceable({record.fingerprint, replaces})
                if lease is not None:
                    lease.check()
                return self.store.write(record, self.target)
            except (_OtherKeysError, LeaseLostError) as error:
                raise KeysNotStoredError(f"{self.location} didn't take the keys: {error}") from None
            except (KeyStoreError, LeaseUnconfirmedError) as error:
                reason = str(error)
            # A user's own store may raise anything, even with the keys in the message.
            except Exception as error:
                reason = type(error).__name__
            if attempt == WRITE_ATTEMPTS:
                raise KeysNotStoredError(f"{self.location} didn't take the keys: {reason}")
            say(f"{self.location} didn't take the keys, trying again: {reason}")
            time.sleep(_PAUSE_SECONDS)
        raise AssertionError("unreachable")

    def _require_replaceable(self, fingerprints: set[str]) -> None:
        present = self.find()
        if present is not None and present.fingerprint not in fingerprints:
            raise _OtherKeysError(
                "it has other keys than this run knows, which may be the valid ones and stay as they are; "
                "another run has stored them meanwhile. Run pulumi up again"
            )


def reading_token(props: Mapping[str, Any], target: KubernetesTarget) -> str:
    """Return the token with which a resource reads raft's state; empty if none is available here.

    That is the one of the settings (its property `token`), or the root token of the store. Raises
    :class:`KeyStoreError`.
    """
    # A state of an earlier version has no custody.
    custody = KeyCustody.from_properties(props.get("custody"), target, str(props.get("deployment")))
    return str(props["token"]) or custody.root_token(in_state="")

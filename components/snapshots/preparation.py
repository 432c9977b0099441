"""Decides before anything is changed whether a snapshot may be restored, and with which keys."""

from dataclasses import dataclass, field
from pathlib import Path

from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyStoreError
from components.errors import DeploymentError
from components.seals.seal import seal_class
from components.snapshots.archive import Archive, DamagedSnapshotError, verified_archive
from components.snapshots.record import SnapshotRecord
from components.snapshots.vault import DOCUMENT, SnapshotVault

START_SECONDS = 120.0
_SERVING_SECONDS = 300.0
_RESTORE_SECONDS = 60.0
_SEALED_SECONDS = 10.0
_SILENT_SECONDS = 60.0


class ForeignSnapshotError(DeploymentError):
    """The snapshot needs another key of the seal than this Vault has."""


@dataclass(frozen=True)
class RestoreInputs:
    """A snapshot, and where it goes."""

    vault: SnapshotVault
    snapshot: Path
    record: SnapshotRecord | None
    """None for one that was taken by something else: it counts as one of this very Vault and its shares."""
    without_keys: bool
    """Whether it is restored although this stack doesn't have the shares of that time."""
    journal_key: str = field(repr=False)
    """Base64; the key in the stack's encrypted state."""
    start_seconds: float = START_SECONDS
    """How long the pods may take until they answer."""
    serving_seconds: float = _SERVING_SECONDS
    """How long they may take to serve what was restored."""
    restore_seconds: float = _RESTORE_SECONDS
    """How long Vault may take until it has restored the snapshot; after that it is given to it again."""
    sealed_seconds: float = _SEALED_SECONDS
    """How long a pod that unseals itself may be sealed; after that it is restarted."""
    silent_seconds: float = _SILENT_SECONDS
    """How long a pod may answer nothing; after that it is restarted."""


@dataclass(frozen=True)
class Prepared:
    """The snapshot and its keys, as they are known before anything is changed."""

    archive: Archive
    keys: KeyRecord | None = field(repr=False)
    """The shares that are valid after the restore; None if this stack doesn't have them."""


def prepared(inputs: RestoreInputs) -> Prepared:
    """Verify the snapshot and find its keys, without asking Vault or changing anything.

    Raises :class:`DamagedSnapshotError`, :class:`ForeignSnapshotError`, and :class:`DeploymentError` if this
    stack doesn't have the shares that are valid afterwards.
    """
    archive = verified_archive(inputs.snapshot)
    record = inputs.record
    if record is None:
        return Prepared(archive, inputs.vault.keys)
    if record.sha256 != archive.sha256:
        raise DamagedSnapshotError(
            f"{inputs.snapshot} isn't the file that its record was written for: its SHA-256 is "
            f"{archive.sha256}, and the record has {record.sha256}. Nothing was changed."
        )
    _require_same_seal(inputs.vault, record)
    return Prepared(archive, _keys_of(inputs, record))


def _require_same_seal(vault: SnapshotVault, record: SnapshotRecord) -> None:
    same = record.seal_type == vault.seal_type and seal_class(vault.seal_type).same_key(
        record.seal_key, vault.seal_key
    )
    if not same:
        raise ForeignSnapshotError(
            f"The snapshot was taken of a Vault with seal {record.seal_type} "
            f"({record.seal_key or 'no key'}), and this one has {vault.seal_type} "
            f"({vault.seal_key or 'no key'}): it couldn't read what is in "
            f"the snapshot. Nothing was changed. Restore it into a stack with that key ({DOCUMENT}"
            "#another-stack)."
        )


def _keys_of(inputs: RestoreInputs, record: SnapshotRecord) -> KeyRecord | None:
    """Return the shares of the snapshot's time, from this stack or an earlier version in its store."""
    vault, wanted = inputs.vault, record.keys_fingerprint
    if vault.keys is not None and vault.keys.fingerprint == wanted:
        return vault.keys
    if not wanted and vault.keys is None:
        return None
    problem = ""
    try:
        found = vault.custody.find_earlier(wanted, record.keys_version) if wanted else None
    except KeyStoreError as error:
        found, problem = None, f" ({error})"
    if found is None and not inputs.without_keys:
        raise DeploymentError(
            "After the restore the shares of the snapshot's time are valid again, and today's aren't. This "
            f"stack doesn't have them any more: {wanted or 'their fingerprint is unknown'}, then in "
            f"{record.keys_location or 'no store'}, is neither in {vault.custody.location} nor an earlier "
            f"version of it{problem}. Nothing was changed. If somebody else has them: --without-keys "
            f"({DOCUMENT}#the-keys-of-the-snapshot)."
        )
    return found

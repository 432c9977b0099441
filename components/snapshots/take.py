"""Takes a snapshot of the active server to a file, with its record beside it."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from components.errors import DeploymentError
from components.private_file import replace_file, sync_folder
from components.progress import say
from components.snapshots.archive import DamagedSnapshotError, verified_archive
from components.snapshots.record import SnapshotRecord, record_path
from components.snapshots.vault import POLICY, SnapshotVault, active_server, with_valid_token
from components.vault.answers import SealStatus
from components.vault.client import VaultForbiddenError, VaultRefusedError, VaultUnavailableError
from components.vault.snapshot_transfer import read_snapshot


def take_snapshot(vault: SnapshotVault, path: Path) -> SnapshotRecord:
    """Write a snapshot to a new file of mode 0600, once it is whole, and its record beside it.

    Raises :class:`DeploymentError` if the file exists, or if Vault gives none; nothing is left then.
    """
    if path.exists():
        raise DeploymentError(f"{path} exists, and a snapshot is never overwritten: name another file.")
    if not path.parent.is_dir():
        raise DeploymentError(
            f"There is no folder {path.parent} for the snapshot: create it, or name another."
        )
    with _new_file(path) as temporary:
        with temporary.open("wb") as file:
            status = _transfer(vault, file)
            file.flush()
            os.fsync(file.fileno())
        try:
            archive = verified_archive(temporary)
        except DamagedSnapshotError as error:
            raise DeploymentError(
                f"What Vault sent isn't a whole snapshot, so {path} wasn't written: {error}\nDid the leader "
                "change, or does something stand in front of Vault? Run it again."
            ) from None
        record = SnapshotRecord(
            cluster_id=status.cluster_id,
            deployment=vault.deployment,
            vault_version=status.version,
            raft_index=archive.raft_index,
            taken=datetime.now(UTC).isoformat(timespec="seconds"),
            seal_type=vault.seal_type,
            seal_key=vault.seal_key,
            keys_fingerprint=vault.keys.fingerprint if vault.keys is not None else "",
            keys_location=vault.custody.location if vault.keys is not None else "",
            keys_version=vault.keys_version,
            sha256=archive.sha256,
        )
        # The record first: a snapshot that is there has one.
        replace_file(record_path(path), record.to_json().encode())
        try:
            # Unlike a renaming it fails if the file exists by now.
            os.link(temporary, path)
        except FileExistsError:
            raise DeploymentError(
                f"{path} was written by something else meanwhile; run it again, with another name."
            ) from None
        except OSError as error:
            raise DeploymentError(
                f"{path} can't be made from a finished file beside it: {error.strerror}. Its file system has "
                "no hard links; name a file on another one, and copy both files from there."
            ) from None
    sync_folder(path.parent)
    say(
        f"Snapshot {path}: cluster {record.cluster_id}, raft index {record.raft_index}, "
        f"{path.stat().st_size} bytes; its record is {record_path(path)}"
    )
    return record


def _transfer(vault: SnapshotVault, file: IO[bytes]) -> SealStatus:
    with active_server(vault) as client:
        status = client.seal_status()
        permitted = with_valid_token(client, vault.tokens, "read a snapshot")
        try:
            read_snapshot(permitted, file)
        except VaultForbiddenError as error:
            raise DeploymentError(
                f"The token may not read a snapshot: {error}\nIts policy needs read on "
                f"sys/storage/raft/snapshot ({POLICY})."
            ) from None
        except (VaultUnavailableError, VaultRefusedError) as error:
            raise DeploymentError(f"Vault gives no snapshot: {error}\nRun it again.") from None
        return status


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """Yield an empty file of mode 0600 in the same folder, which is gone after the block."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)

"""Declares what is recorded beside each snapshot: what it takes to use it. Nothing in it is secret."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from components.errors import DeploymentError

FORMAT = 1


class SnapshotRecordError(DeploymentError):
    """There is no record beside a snapshot, or it is something else."""


@dataclass(frozen=True)
class SnapshotRecord:
    """A snapshot, and the Vault that it was taken of."""

    cluster_id: str
    """Vault's own id of its cluster."""
    deployment: str
    """Identifies this Vault: ``<uid of the Kubernetes cluster>/<namespace>/<StatefulSet>``."""
    vault_version: str
    """Version of the server that it was taken of."""
    raft_index: int
    """Last entry of raft's log that is in it."""
    taken: str
    """Time, RFC 3339 in UTC."""
    seal_type: str
    seal_key: str
    """Name of the seal's key, without which the snapshot can't be read; empty with Shamir."""
    keys_fingerprint: str
    """SHA-256 of the shares that were valid; empty if this stack hadn't any."""
    keys_location: str
    """Place of these shares, for people."""
    keys_version: str
    """Their version in the store; empty if it isn't known, or if the store has none."""
    sha256: str
    """Of the snapshot's file, 64 hexadecimal digits."""

    def to_json(self) -> str:
        """Return the record as it is written beside the snapshot."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n"

    @staticmethod
    def from_json(text: str) -> "SnapshotRecord":
        """Return the record in ``text``; raise :class:`SnapshotRecordError` if it is something else."""
        try:
            document = json.loads(text)
            if document["format"] != FORMAT:
                raise SnapshotRecordError(
                    f"it has format {document['format']}, which this version can't read"
                )
            record = SnapshotRecord(**{field.name: document[field.name] for field in fields(SnapshotRecord)})
        except (ValueError, KeyError, TypeError):
            raise SnapshotRecordError("it isn't a record of a snapshot") from None
        texts = {name: value for name, value in asdict(record).items() if name != "raft_index"}
        if not isinstance(record.raft_index, int) or not all(
            isinstance(text, str) for text in texts.values()
        ):
            raise SnapshotRecordError("it isn't a record of a snapshot")
        return record


def record_path(snapshot: Path) -> Path:
    """Return the path of the record of the snapshot in that file."""
    return snapshot.with_name(f"{snapshot.name}.json")


def read_record(snapshot: Path) -> SnapshotRecord:
    """Return the record beside a snapshot; raise :class:`SnapshotRecordError` with what to do without."""
    path = record_path(snapshot)
    try:
        return SnapshotRecord.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it isn't text"
    except SnapshotRecordError as error:
        reason = str(error)
    raise SnapshotRecordError(
        f"{path}, the record that belongs to the snapshot, can't be read: {reason}. Nothing was changed. It "
        "says which key of the seal and which shares the snapshot needs: fetch it from where the snapshot "
        "is from, or if it was taken by something else, see docs/snapshots.md#a-snapshot-without-a-record."
    )

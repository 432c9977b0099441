"""Files that have the form of Vault's snapshots, which no Vault has made."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

from components.snapshots.record import SnapshotRecord, record_path

STATE = bytes(range(256)) * 64
METADATA = json.dumps({"Version": 1, "ID": "2-42-1", "Index": 42, "Term": 2}).encode()


def parts(**changed: bytes | None) -> Mapping[str, bytes]:
    """The parts by their names, with right checksums; those that are None are left out."""
    content = {"meta.json": METADATA, "state.bin": STATE}
    content.update({name.replace("_", "."): value for name, value in changed.items() if value is not None})
    sums = "".join(f"{hashlib.sha256(part).hexdigest()}  {name}\n" for name, part in content.items())
    whole = {**content, "SHA256SUMS": sums.encode(), "SHA256SUMS.sealed": b"sealed"}
    left_out = {name.replace("_", ".") for name, value in changed.items() if value is None}
    return {name: part for name, part in whole.items() if name not in left_out}


def packed(content: Mapping[str, bytes]) -> bytes:
    """A gzipped tar of these parts."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, part in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(part)
            archive.addfile(member, io.BytesIO(part))
    return gzip.compress(tar.getvalue())


def write_snapshot_file(path: Path, **record: object) -> SnapshotRecord:
    """Writes a whole snapshot with its record, of which some fields may be given."""
    content = packed(parts())
    path.write_bytes(content)
    fields: dict[str, object] = {
        "cluster_id": "0a1b",
        "deployment": "2b1f0c9e-uid/vault/vault",
        "vault_version": "1.18.1",
        "raft_index": 42,
        "taken": "2026-03-01T00:00:00+00:00",
        "seal_type": "awskms",
        "seal_key": "arn:aws:kms:eu-central-1:123456789012:key/1",
        "keys_fingerprint": "",
        "keys_location": "",
        "keys_version": "",
        "sha256": hashlib.sha256(content).hexdigest(),
        **record,
    }
    found = SnapshotRecord(**fields)  # type: ignore[arg-type]  # a test may give what isn't one
    record_path(path).write_text(found.to_json())
    return found

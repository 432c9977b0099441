"""The record beside a snapshot."""

import json
from pathlib import Path

import pytest

from components.snapshots.record import SnapshotRecordError, read_record, record_path
from tests.unit.fakes.snapshot_files import write_snapshot_file


def test_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "vault.snap"
    written = write_snapshot_file(path)
    assert record_path(path) == tmp_path / "vault.snap.json"
    assert read_record(path) == written


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "{}", '{"format": 1}', '{"format": 1, "cluster_id": "0a1b"}', "\ud800"]
)
def test_something_else(tmp_path: Path, text: str) -> None:
    path = tmp_path / "vault.snap"
    record_path(path).write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(SnapshotRecordError, match="Nothing was changed"):
        read_record(path)


def test_field_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "vault.snap"
    write_snapshot_file(path)
    document = json.loads(record_path(path).read_text())
    for name, value in (("raft_index", "42"), ("seal_key", None)):
        record_path(path).write_text(json.dumps({**document, name: value}))
        with pytest.raises(SnapshotRecordError, match="isn't a record of a snapshot"):
            read_record(path)


def test_later_format(tmp_path: Path) -> None:
    path = tmp_path / "vault.snap"
    write_snapshot_file(path)
    document = json.loads(record_path(path).read_text())
    record_path(path).write_text(json.dumps({**document, "format": 2}))
    with pytest.raises(SnapshotRecordError, match="it has format 2"):
        read_record(path)


def test_no_record(tmp_path: Path) -> None:
    with pytest.raises(SnapshotRecordError, match="No such file or directory"):
        read_record(tmp_path / "vault.snap")

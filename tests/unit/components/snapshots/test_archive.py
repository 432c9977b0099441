"""The file of a snapshot, whole or not."""

import gzip
from pathlib import Path

import pytest

from components.snapshots.archive import DamagedSnapshotError, verified_archive
from tests.unit.fakes.snapshot_files import METADATA, packed, parts


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(DamagedSnapshotError) as raised:
        verified_archive(path)
    said = str(raised.value)
    assert "isn't a whole snapshot" in said
    assert "Nothing was changed" in said
    return said


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault.snap"


def test_whole(path: Path) -> None:
    path.write_bytes(packed(parts()))
    archive = verified_archive(path)
    assert archive.raft_index == 42
    assert len(archive.sha256) == 64


def test_every_cut_is_noticed(path: Path) -> None:
    """Also those that leave a whole tar, and take only gzip's checksum away."""
    whole = packed(parts())
    for length in (0, 1, 20, len(whole) // 2, len(whole) - 8, len(whole) - 1):
        refused(path, whole[:length])


def test_every_flipped_bit_of_the_content_is_noticed(path: Path) -> None:
    whole = packed(parts())
    # The first ten bytes are gzip's header, whose time and system nothing depends on.
    for position in range(10, len(whole), 7):
        flipped = bytearray(whole)
        flipped[position] ^= 4
        refused(path, bytes(flipped))


@pytest.mark.parametrize("missing", ["meta_json", "state_bin", "SHA256SUMS", "SHA256SUMS_sealed"])
def test_missing_part(path: Path, missing: str) -> None:
    assert f"it has no {missing.replace('_', '.')}" in refused(path, packed(parts(**{missing: None})))


def test_wrong_checksum(path: Path) -> None:
    content = {**parts(), "state.bin": b"another state"}
    assert "the checksum of its state.bin is another one" in refused(path, packed(content))


def test_what_does_not_belong_into_it(path: Path) -> None:
    for name in ("../../etc/passwd", "more"):
        assert "doesn't belong into it" in refused(path, packed({**parts(), name: b"x"}))


@pytest.mark.parametrize("metadata", [b"{}", b"no JSON", b'{"Index": 0}', b'{"Index": "42"}', b"[]"])
def test_metadata_without_an_index(path: Path, metadata: bytes) -> None:
    assert "names no index" in refused(path, packed(parts(meta_json=metadata)))


def test_metadata_that_would_fill_the_memory(path: Path) -> None:
    assert "meta.json is too long" in refused(path, packed(parts(meta_json=METADATA + b" " * (1 << 20))))


def test_other_files(path: Path) -> None:
    for content in (b"", b"text", gzip.compress(b"no tar"), gzip.compress(b"")):
        refused(path, content)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DamagedSnapshotError, match="can't be read: No such file"):
        verified_archive(tmp_path / "vault.snap")
    with pytest.raises(DamagedSnapshotError, match="can't be read: Is a directory"):
        verified_archive(tmp_path)

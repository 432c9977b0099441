"""Files that only their owner reads: on the disk when a call returns, and whole or not there at all."""

import os
import stat
from pathlib import Path

import pytest

from components.private_file import create_folder, delete_file, delete_leftovers, replace_file
from tests.unit.fakes.disk import RecordedDisk, record_disk


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> RecordedDisk:
    return record_disk(monkeypatch)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_new_folder_is_private_and_on_the_disk(tmp_path: Path, disk: RecordedDisk) -> None:
    folder = tmp_path / "a" / "b" / "c"
    create_folder(folder)
    assert {mode(path) for path in (folder, folder.parent, folder.parent.parent)} == {0o700}
    assert disk.events == [f"synced {path}" for path in (tmp_path, tmp_path / "a", tmp_path / "a" / "b")]
    disk.events.clear()
    create_folder(folder)
    assert disk.events == []


def test_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    create_folder(folder)
    assert mode(folder) == 0o755


@pytest.mark.parametrize("before", [None, b"older"])
def test_content_is_on_the_disk_before_it_takes_its_place_and_its_place_after(
    tmp_path: Path, disk: RecordedDisk, before: bytes | None
) -> None:
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)
    replace_file(path, b"content")
    assert disk.events == ["synced 7 bytes", "renamed", f"synced {tmp_path}"]
    assert disk.contents == [b"content"]
    assert (path.read_bytes(), mode(path), names(tmp_path)) == (b"content", 0o600, ["file"])


def test_open_umask_opens_nothing(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_folder(tmp_path / "folder")
        replace_file(tmp_path / "folder" / "file", b"content")
    finally:
        os.umask(before)
    assert mode(tmp_path / "folder") == 0o700
    assert mode(tmp_path / "folder" / "file") == 0o600


def test_failed_write_leaves_the_older_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    replace_file(path, b"older")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"content")
    assert (path.read_bytes(), names(tmp_path)) == (b"older", ["file"])


@pytest.mark.parametrize("left", [".file.new", ".file.x7dk_2p1.new"], ids=["earlier version", "this version"])
def test_what_killed_runs_left_is_deleted_and_nothing_else(
    tmp_path: Path, disk: RecordedDisk, left: str
) -> None:
    others = ["file", "file.new", ".file", ".other.x.new", "file2.new"]
    for name in (left, *others):
        (tmp_path / name).write_text("content")
    delete_leftovers(tmp_path / "file")
    assert names(tmp_path) == sorted(others)
    assert disk.events == ["removed", f"synced {tmp_path}"]
    disk.events.clear()
    delete_leftovers(tmp_path / "file")
    assert disk.events == []


def test_name_with_a_pattern_in_it_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".a.1.new").write_text("of another file")
    (tmp_path / ".[a-z].1.new").write_text("its own")
    delete_leftovers(tmp_path / "[a-z]")
    assert names(tmp_path) == [".a.1.new"]


def test_deletion_is_on_the_disk(tmp_path: Path, disk: RecordedDisk) -> None:
    path = tmp_path / "file"
    path.write_text("content")
    delete_file(path)
    assert disk.events == ["removed", f"synced {tmp_path}"]
    disk.events.clear()
    delete_file(path)
    assert disk.events == []

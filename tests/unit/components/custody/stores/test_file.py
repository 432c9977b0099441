"""The store that is a file, on real files."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.custody.key_store import KeyStoreError
from components.custody.stores import file
from components.custody.stores.file import Store
from tests.unit.fakes.disk import record_disk
from tests.unit.fakes.key_records import ROOT_TOKEN, TARGET, key_record
from tests.unit.fakes.store_settings import read_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(path=str(tmp_path / "keys" / "vault.json"))


def mode(path: str | Path) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def names_beside(path: str | Path) -> list[str]:
    return sorted(entry.name for entry in Path(path).parent.iterdir())


def test_a_record_is_kept_where_only_its_owner_reads_it(store: Store) -> None:
    assert store.read(TARGET) is None
    reference = store.write(key_record(), TARGET)
    assert store.read(TARGET) == key_record()
    assert (reference.location, reference.version) == (f"file {store.path}", "")
    assert mode(store.path) == 0o600
    assert mode(Path(store.path).parent) == 0o700


def test_a_record_takes_the_place_of_an_older_one_and_nothing_else_is_left(store: Store) -> None:
    store.write(key_record(), TARGET)
    store.write(key_record(root_token=""), TARGET)
    assert store.read(TARGET) == key_record(root_token="")
    assert names_beside(store.path) == ["vault.json"]


def test_an_umask_that_takes_nothing_away_opens_nothing(store: Store) -> None:
    before = os.umask(0)
    try:
        store.write(key_record(), TARGET)
    finally:
        os.umask(before)
    assert mode(store.path) == 0o600
    assert mode(Path(store.path).parent) == 0o700


def test_a_probe_leaves_no_trace_and_keeps_the_record(store: Store) -> None:
    store.probe(TARGET)
    assert names_beside(store.path) == []
    store.write(key_record(), TARGET)
    store.probe(TARGET)
    assert store.read(TARGET) == key_record()
    assert names_beside(store.path) == ["vault.json"]


def test_what_a_killed_run_left_is_overwritten(store: Store) -> None:
    store.probe(TARGET)
    left = Path(store.path).with_name(".vault.json.new")
    left.write_text("half a record")
    left.chmod(0o644)
    store.write(key_record(), TARGET)
    assert store.read(TARGET) == key_record()
    assert mode(store.path) == 0o600
    assert names_beside(left) == ["vault.json"]


def test_a_failed_write_keeps_the_older_record(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(key_record(), TARGET)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeyStoreError, match=f"Can't write {store.path}: No space left on device") as raised:
        store.write(key_record(root_token=""), TARGET)
    monkeypatch.undo()
    assert ROOT_TOKEN not in str(raised.value)
    assert store.read(TARGET) == key_record()
    assert names_beside(store.path) == ["vault.json"]


def test_a_record_is_on_the_disk_before_it_takes_its_place_and_its_place_after(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.probe(TARGET)
    disk = record_disk(monkeypatch)
    store.write(key_record(), TARGET)
    size = len(key_record().to_json().encode())
    assert disk.events == [f"synced {size} bytes", "renamed", f"synced {Path(store.path).parent}"]


def test_a_probe_that_reads_something_else_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "_read", lambda _: b"something else")
    with pytest.raises(KeyStoreError, match="holds something else than what was written into it"):
        store.probe(TARGET)
    assert names_beside(store.path) == []


@pytest.mark.parametrize("open_to", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(store: Store, open_to: int) -> None:
    store.write(key_record(), TARGET)
    Path(store.path).chmod(open_to)
    with pytest.raises(KeyStoreError, match=f"open to others than you.*chmod 600 {store.path}"):
        store.read(TARGET)


def test_a_folder_that_others_can_enter_is_refused_and_not_closed(store: Store) -> None:
    folder = Path(store.path).parent
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    for attempt in (store.probe, lambda target: store.write(key_record(), target)):
        with pytest.raises(KeyStoreError, match=f"open to others than you.*chmod 700 {folder}"):
            attempt(TARGET)
    assert mode(folder) == 0o755
    assert names_beside(folder / "any") == []


def test_a_link_is_not_followed(store: Store, tmp_path: Path) -> None:
    store.write(key_record(), TARGET)
    elsewhere = tmp_path / "elsewhere"
    Path(store.path).rename(elsewhere)
    Path(store.path).symlink_to(elsewhere)
    with pytest.raises(KeyStoreError, match=f"Can't read {store.path}"):
        store.read(TARGET)


def test_a_named_pipe_is_refused_at_once(store: Store) -> None:
    store.probe(TARGET)
    os.mkfifo(store.path, 0o600)
    with pytest.raises(KeyStoreError, match="isn't a regular file"):
        store.read(TARGET)


def test_what_is_no_record_is_left_alone(store: Store) -> None:
    store.probe(TARGET)
    Path(store.path).touch(mode=0o600)
    Path(store.path).write_text("somebody's notes")
    with pytest.raises(KeyStoreError, match="isn't a record of keys: it isn't JSON"):
        store.read(TARGET)
    assert Path(store.path).read_text() == "somebody's notes"


def test_two_runs_write_one_after_the_other(store: Store) -> None:
    store.probe(TARGET)
    folder = Path(store.path).parent
    hold = (
        f"import fcntl, os, time; fcntl.flock(os.open({str(folder)!r}, os.O_RDONLY), fcntl.LOCK_EX); print()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-u", "-c", f"{hold}; time.sleep(0.5)"], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    began = time.monotonic()
    store.write(key_record(), TARGET)
    assert time.monotonic() - began > 0.3
    holder.communicate()
    assert store.read(TARGET) == key_record()


def test_settings(tmp_path: Path) -> None:
    store, problems = read_store(Store, {"path": str(tmp_path / "keys.json")})
    assert problems == []
    assert store == Store(path=str(tmp_path / "keys.json"))


@pytest.mark.parametrize("path", ["keys.json", "~/keys.json", "/var/lib/keys/", 12])
def test_a_path_that_is_not_absolute_is_refused(path: object) -> None:
    _, problems = read_store(Store, {"path": path})
    assert len(problems) == 1
    assert "vault-autounseal:custody.path" in problems[0]
    assert "absolute path" in problems[0]


def test_the_path_has_to_be_given() -> None:
    assert read_store(Store, {})[1] == [
        "vault-autounseal:custody.path is not set: give the absolute path of a file that is to be made, "
        "outside any repository"
    ]


def test_a_path_in_the_programs_folder_is_refused(tmp_path: Path) -> None:
    _, problems = read_store(Store, {"path": str(file.PROGRAM_FOLDER / "keys" / "vault.json")})
    assert f"it is within {file.PROGRAM_FOLDER}" in problems[0]
    link = tmp_path / "link"
    link.symlink_to(file.PROGRAM_FOLDER)
    assert f"it is within {file.PROGRAM_FOLDER}" in read_store(Store, {"path": f"{link}/k.json"})[1][0]


def test_a_path_in_a_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / "work" / ".git").mkdir(parents=True)
    _, problems = read_store(Store, {"path": str(tmp_path / "work" / "deep" / "keys.json")})
    assert f"it is within {tmp_path / 'work'}, from where keys get into commits" in problems[0]


def test_the_programs_folder_is_the_repository_of_this_test() -> None:
    assert (file.PROGRAM_FOLDER / "__main__.py").is_file()

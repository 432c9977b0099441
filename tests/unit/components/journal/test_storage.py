"""The two places of the journal: what they refuse, and that the file is on the disk when they say so."""

import base64
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from components.journal.encryption import JournalError
from components.journal.entry import JournalEntry
from components.journal.storage import JournalFile, JournalSecret
from components.kubernetes.kubectl import OWNER, OWNER_LABEL, KubectlError
from components.kubernetes.lease import RunIdentity
from components.kubernetes.owned_object import ForeignObjectError
from tests.unit.fakes.disk import RecordedDisk, record_disk
from tests.unit.fakes.init_inputs import DEPLOYMENT, SECRET, TARGET, InitCluster, provide_cluster

ENTRY = JournalEntry(
    deployment=DEPLOYMENT,
    run=RunIdentity.new(),
    began="2026-01-01T00:00:00+00:00",
    volume="uid",
    header={},
)


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    return provide_cluster(monkeypatch, tmp_path)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> RecordedDisk:
    return record_disk(monkeypatch)


def secret(deployment: str = DEPLOYMENT) -> JournalSecret:
    return JournalSecret(TARGET, "vault", deployment)


def entry_of(place: JournalSecret) -> JournalEntry | None:
    return place.entry(place.look())


def test_secret_whose_entry_is_not_base64_is_refused(cluster: InitCluster) -> None:
    secret().write(ENTRY, None)
    stored = cluster.objects.get("secret", SECRET)
    assert stored is not None
    cluster.objects.put("secret", SECRET, data={"journal": stored["data"]["journal"] + "%"})
    with pytest.raises(JournalError):
        entry_of(secret())


def test_secret_is_created_once_replaced_and_deleted() -> None:
    place = secret()
    assert entry_of(place) is None
    place.write(ENTRY, None)
    first = place.look()
    assert first is not None
    assert place.entry(first) == ENTRY
    with pytest.raises(KubectlError, match="AlreadyExists"):
        place.write(ENTRY, None)
    later = replace(ENTRY, ciphertext="a2V5cw==")
    place.write(later, first)
    second = place.look()
    assert second is not None
    assert place.entry(second) == later
    with pytest.raises(KubectlError, match="Conflict"):
        place.write(ENTRY, first)
    with pytest.raises(KubectlError, match="Conflict"):
        place.delete(first)
    place.delete(second)
    assert place.look() is None


@pytest.mark.parametrize("labels", [None, {}, {OWNER_LABEL: "somebody"}])
def test_secret_of_somebody_else_is_refused(cluster: InitCluster, labels: dict[str, str] | None) -> None:
    secret().write(ENTRY, None)
    cluster.objects.put("secret", SECRET, metadata={"labels": labels})
    with pytest.raises(ForeignObjectError, match="Secret secrets/vault-operator-init wasn't made by"):
        secret().look()


def test_secret_of_another_deployment_is_refused() -> None:
    secret().write(ENTRY, None)
    with pytest.raises(JournalError, match=f"is the journal of {DEPLOYMENT}, and this is another"):
        entry_of(secret("another"))


@pytest.mark.parametrize("data", [None, {}, {"journal": "%"}, {"journal": base64.b64encode(b"{}").decode()}])
def test_secret_without_an_entry_is_refused(cluster: InitCluster, data: dict[str, str] | None) -> None:
    cluster.objects.put("secret", SECRET, metadata={"labels": {OWNER_LABEL: OWNER}}, data=data)
    with pytest.raises(JournalError, match="isn't the journal of an init"):
        entry_of(secret())


def test_file_is_only_its_owners_to_read() -> None:
    file = JournalFile(DEPLOYMENT)
    assert file.read() is None
    file.path.parent.mkdir(parents=True, mode=0o755)
    file.write(ENTRY)
    assert file.read() == ENTRY
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]


def test_file_is_on_the_disk_before_it_takes_its_place_and_its_place_after(
    disk: RecordedDisk, tmp_path: Path
) -> None:
    file = JournalFile(DEPLOYMENT)
    file.write(ENTRY)
    folder = str(file.path.parent)
    assert disk.events == [
        f"synced {tmp_path}",
        f"synced {tmp_path / 'home'}",
        f"synced {len(ENTRY.to_json())} bytes",
        "renamed",
        f"synced {folder}",
    ]
    assert disk.contents == [ENTRY.to_json().encode()]


def test_removal_is_on_the_disk(disk: RecordedDisk) -> None:
    file = JournalFile(DEPLOYMENT)
    file.write(ENTRY)
    disk.events.clear()
    file.delete()
    assert disk.events == ["removed", f"synced {file.path.parent}"]
    disk.events.clear()
    file.delete()
    assert disk.events == []


def test_what_a_killed_run_left_goes_with_the_journal() -> None:
    file = JournalFile(DEPLOYMENT)
    file.write(ENTRY)
    file.path.with_name(f".{file.path.name}.k1ll3d.new").write_text("half an entry")
    file.delete()
    assert list(file.path.parent.iterdir()) == []


def test_failed_write_leaves_what_was_there_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    file = JournalFile(DEPLOYMENT)
    file.write(ENTRY)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        file.write(replace(ENTRY, ciphertext="a2V5cw=="))
    assert file.read() == ENTRY
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]


def test_entry_that_is_set_aside_stays_beside_the_next() -> None:
    file = JournalFile(DEPLOYMENT)
    file.write(replace(ENTRY, volume="next"))
    path = file.set_aside("earlier", ENTRY.to_json())
    assert path.parent == file.path.parent
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert JournalEntry.from_json(path.read_text()) == ENTRY
    assert file.read() == replace(ENTRY, volume="next")


def test_file_that_is_no_journal_of_this_deployment_is_refused() -> None:
    file = JournalFile(DEPLOYMENT)
    file.write(replace(ENTRY, deployment="another"))
    with pytest.raises(JournalError, match="is the journal of another"):
        file.read()
    file.path.write_bytes(b"\xff")
    with pytest.raises(JournalError, match="isn't a text"):
        file.read()


def test_file_lies_in_pulumis_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PULUMI_HOME", raising=False)
    assert JournalFile(DEPLOYMENT).path.parent == tmp_path / ".pulumi" / "vault-autounseal"
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "elsewhere"))
    assert JournalFile(DEPLOYMENT).path.parent == tmp_path / "elsewhere" / "vault-autounseal"
    assert JournalFile("another").path != JournalFile(DEPLOYMENT).path


def test_file_that_cannot_be_read_is_set_aside_as_it_is() -> None:
    file = JournalFile(DEPLOYMENT)
    file.write(ENTRY)
    file.path.write_bytes(b"\xff")
    path = file.set_aside_unreadable("damaged")
    assert path.read_bytes() == b"\xff"
    assert file.read() is None


def test_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_HOME")
    monkeypatch.delenv("HOME", raising=False)

    def unknown(_uid: int) -> None:
        raise KeyError("getpwuid(): uid not found: 1000660000")

    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(JournalError, match="set PULUMI_HOME to a folder that lasts"):
        JournalFile(DEPLOYMENT)

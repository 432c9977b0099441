"""The journal of an init: its two places, the keys in them, and what can't be had."""

import base64
import errno
import json
import stat
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from components.journal.encryption import JournalError
from components.journal.entry import JournalEntry
from components.kubernetes.lease import RunIdentity
from tests.unit.fakes.kubernetes_objects import KubernetesObjects
from tests.unit.fakes.left_journals import (
    CIPHER,
    DEPLOYMENT,
    OTHER_CIPHER,
    RECORD,
    SECRET,
    UNREACHABLE,
    cluster_with_vault,
    entry_in,
    file,
    file_name,
    journal,
)


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    """A cluster with pod 0 and its volume; Pulumi's home is the test's own."""
    return cluster_with_vault(monkeypatch, tmp_path)


# One run


def test_nothing_is_found_before_the_first_run() -> None:
    assert journal().find() is None


def test_intent_lies_in_both_places(cluster: KubernetesObjects, tmp_path: Path) -> None:
    journal().begin(CIPHER)
    secret = cluster.get("secret", SECRET)
    assert secret is not None
    assert secret["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "vault-autounseal"}
    assert entry_in(cluster).to_json() == file(tmp_path).read_text()
    assert stat.S_IMODE(file(tmp_path).stat().st_mode) == 0o600
    assert stat.S_IMODE(file(tmp_path).parent.stat().st_mode) == 0o700
    found = journal().find()
    assert found is not None
    assert (found.kept, found.deployment, found.volume) == (False, DEPLOYMENT, "of the data")
    assert json.loads(found.to_json())["stage"] == "intent"


def test_keys_come_back_from_either_place(cluster: KubernetesObjects, tmp_path: Path) -> None:
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(RECORD)
    assert journal().recover(CIPHER) == RECORD
    kept = file(tmp_path).read_text()
    file(tmp_path).unlink()
    assert journal().recover(CIPHER) == RECORD
    cluster.remove("secret", SECRET)
    (tmp_path / "home" / "vault-autounseal" / file_name(DEPLOYMENT)).write_text(kept)
    assert journal().recover(CIPHER) == RECORD


def test_no_key_is_anywhere_in_clear(cluster: KubernetesObjects, tmp_path: Path) -> None:
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(RECORD)
    opened.finish()
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(RECORD)
    everything = b"\n".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert everything.count(b"kept") >= 1
    decoded = base64.b64decode(
        json.dumps(cluster.get("secret", SECRET)).split('"journal": "')[1].split('"')[0]
    )
    for key in (RECORD.root_token, *RECORD.shares):
        for text in (key.encode(), base64.b64encode(key.encode())):
            assert text not in everything
            assert text not in decoded


def test_finished_journal_is_gone(cluster: KubernetesObjects, tmp_path: Path) -> None:
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(RECORD)
    opened.finish()
    assert cluster.get("secret", SECRET) is None
    assert list((tmp_path / "home" / "vault-autounseal").iterdir()) == []
    calls = len(cluster.calls)
    opened.finish()
    # Nothing is left to be deleted, so no lease was needed.
    assert not any("lease" in call for call in cluster.calls[calls:])


def test_home_is_the_users_own_without_pulumi_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PULUMI_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    journal().begin(CIPHER)
    assert (tmp_path / ".pulumi" / "vault-autounseal" / file_name(DEPLOYMENT)).is_file()


def test_folder_that_others_may_read_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "vault-autounseal"
    folder.mkdir(parents=True, mode=0o755)
    journal().begin(CIPHER)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("missing", ["pod", "pvc"])
def test_pod_without_a_volume(cluster: KubernetesObjects, missing: str) -> None:
    cluster.remove(missing, {"pod": "vault-0", "pvc": "data-vault-0"}[missing])
    assert journal().volume() == ""
    journal().begin(CIPHER)
    assert entry_in(cluster).matches_volume("")
    assert not entry_in(cluster).matches_volume("of the data")


def test_keys_before_the_begin_are_a_mistake_of_the_program() -> None:
    with pytest.raises(RuntimeError, match="not opened"):
        journal().keep(RECORD)


# What can't be had


def test_cluster_gone_while_the_keys_are_kept(
    cluster: KubernetesObjects, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = journal()
    opened.begin(CIPHER)
    cluster.fail(".", UNREACHABLE)
    opened.keep(RECORD)
    assert f"the other has the keys: Secret secrets/{SECRET}: {UNREACHABLE}" in capfd.readouterr().err
    cluster.recover()
    assert not entry_in(cluster).kept
    assert journal().recover(CIPHER) == RECORD


def test_disk_gone_while_the_keys_are_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    opened = journal()
    opened.begin(CIPHER)
    break_folder(tmp_path)
    opened.keep(RECORD)
    assert "the other has the keys" in capfd.readouterr().err
    fix_folder(tmp_path)
    assert journal().recover(CIPHER) == RECORD


def test_both_places_gone_while_the_keys_are_kept(
    cluster: KubernetesObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.journal.journal._KEEP_SECONDS", 1)
    opened = journal()
    opened.begin(CIPHER)
    break_folder(tmp_path)
    cluster.fail(".", UNREACHABLE)
    with pytest.raises(JournalError) as raised:
        opened.keep(RECORD)
    said = str(raised.value)
    assert "written to either place" in said
    assert UNREACHABLE in said
    assert "vault-autounseal" in said
    assert RECORD.root_token not in said


def test_place_that_comes_back_gets_the_keys(
    cluster: KubernetesObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = journal()
    opened.begin(CIPHER)
    break_folder(tmp_path)
    cluster.fail(".", UNREACHABLE)

    def come_back(_self: object, _state: str, **_: float) -> None:
        cluster.recover()

    monkeypatch.setattr("components.journal.journal.Waiting.pause", come_back)
    opened.keep(RECORD)
    fix_folder(tmp_path)
    assert journal().recover(CIPHER) == RECORD


def break_folder(tmp_path: Path) -> None:
    """Puts a file in the folder's place, which hinders even root."""
    folder = tmp_path / "home" / "vault-autounseal"
    folder.rename(tmp_path / "moved")
    folder.write_text("")


def fix_folder(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "vault-autounseal"
    folder.unlink()
    (tmp_path / "moved").rename(folder)


def test_begin_needs_the_cluster(cluster: KubernetesObjects, tmp_path: Path) -> None:
    cluster.fail("secret", UNREACHABLE)
    with pytest.raises(JournalError, match=UNREACHABLE) as raised:
        journal().begin(CIPHER)
    assert f"The journal lies in Secret secrets/{SECRET} and {tmp_path}/home" in str(raised.value)
    assert not (tmp_path / "home").exists()


def test_begin_needs_the_disk_and_gives_the_lock_back(
    cluster: KubernetesObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("components.private_file.tempfile.mkstemp", full)
    with pytest.raises(JournalError, match="No space left on device"):
        journal().begin(CIPHER)
    assert any("create" in call for call in cluster.calls)
    assert cluster.get("secret", SECRET) is None


def test_finish_says_what_it_had_to_leave(
    cluster: KubernetesObjects, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = journal()
    with opened.lease.held(0):
        opened.begin(CIPHER)
        opened.keep(RECORD)
        cluster.fail(".", UNREACHABLE)
        opened.finish()
    said = capfd.readouterr().err
    assert f"The journal stays in Secret secrets/{SECRET}, encrypted" in said
    assert UNREACHABLE in said
    assert not list((tmp_path / "home" / "vault-autounseal").iterdir())


def test_foreign_secret_is_refused_and_left(cluster: KubernetesObjects) -> None:
    cluster.put("secret", SECRET, data={"journal": "eA=="})
    with pytest.raises(JournalError, match="wasn't made by this program"):
        journal().find()
    with pytest.raises(JournalError, match="wasn't made by this program"):
        journal().begin(CIPHER)
    journal().finish()
    secret = cluster.get("secret", SECRET)
    assert secret is not None
    assert secret["data"] == {"journal": "eA=="}


def test_journal_of_another_deployment_is_refused() -> None:
    journal("other-cluster/secrets/vault").begin(CIPHER)
    with pytest.raises(JournalError, match="is the journal of other-cluster/secrets/vault, and this is"):
        journal().find()


def test_file_of_another_deployment_is_refused(cluster: KubernetesObjects, tmp_path: Path) -> None:
    journal().begin(CIPHER)
    cluster.remove("secret", SECRET)
    file(tmp_path).write_text(file(tmp_path).read_text().replace("cluster-uid", "another-uid"))
    with pytest.raises(JournalError, match="is the journal of another-uid/secrets/vault"):
        journal().find()


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"format": 2}', '{"format": 1, "began": "today"}'])
def test_what_is_no_journal_is_refused(cluster: KubernetesObjects, tmp_path: Path, text: str) -> None:
    journal().begin(CIPHER)
    path = file(tmp_path)
    content = path.read_text()
    path.write_text(text)
    with pytest.raises(JournalError, match="isn't the journal of an init of format 1"):
        journal().find()
    path.write_text(content)
    cluster.put("secret", SECRET, data={"journal": base64.b64encode(text.encode()).decode()})
    with pytest.raises(JournalError, match="isn't the journal of an init of format 1"):
        journal().find()


def test_recover_without_keys() -> None:
    with pytest.raises(JournalError, match="there are none in it"):
        journal().recover(CIPHER)
    journal().begin(CIPHER)
    with pytest.raises(JournalError, match="there are none in it"):
        journal().recover(CIPHER)


def test_recover_with_another_key_names_the_places(tmp_path: Path) -> None:
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(RECORD)
    with pytest.raises(JournalError, match="encrypted with another key") as raised:
        journal().recover(OTHER_CIPHER)
    assert str(file(tmp_path)) in str(raised.value)


def test_recover_refuses_the_keys_of_another_deployment() -> None:
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(replace(RECORD, deployment="other"))
    with pytest.raises(JournalError, match="they are those of other"):
        journal().recover(CIPHER)


def test_entry_survives_the_way_through_json() -> None:
    entry = JournalEntry(
        deployment=DEPLOYMENT,
        run=RunIdentity.new(),
        began=datetime.now(UTC).isoformat(),
        volume="of the data",
        header={"cipher": "stack-key"},
        ciphertext="abc",
    )
    assert asdict(JournalEntry.from_json(entry.to_json())) == asdict(entry)

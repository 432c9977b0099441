"""The journal of an init: its two places, its lock, and what is left of an interrupted run."""

import base64
import errno
import hashlib
import json
import stat
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from components.custody.key_record import KeyRecord
from components.init_journal import AnotherRunError, InitJournal
from components.journal_cipher import JournalError, StackKeyCipher
from components.journal_entry import JournalEntry
from components.kubectl import KubernetesTarget
from components.run_identity import OTHER_HOST_SECONDS, ProcessIdentity, RunIdentity
from tests.unit.commands_on_path import only_commands
from tests.unit.components.kubernetes_objects import KubernetesObjects

DEPLOYMENT = "cluster-uid/secrets/vault"
SECRET = "vault-operator-init"
CIPHER = StackKeyCipher(base64.b64encode(bytes(32)).decode())
OTHER_CIPHER = StackKeyCipher(base64.b64encode(bytes(range(32))).decode())
RECORD = KeyRecord(
    deployment=DEPLOYMENT,
    seal_type="awskms",
    seal_key="arn:aws:kms:eu-central-1:111122223333:key/1",
    threshold=2,
    root_token="hvs.the-root-token",
    recovery_shares=("c2hhcmUtMQ==", "c2hhcmUtMg=="),
)
UNREACHABLE = "The connection to the server localhost:6443 was refused"


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    """A cluster with pod 0 and its volume; Pulumi's home is the test's own."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    objects = KubernetesObjects(tmp_path / "cluster")
    only_commands(monkeypatch, tmp_path / "commands", kubectl=objects.script)
    volumes = [
        {"name": "config", "configMap": {"name": "vault-config"}},
        {"name": "audit", "persistentVolumeClaim": {"claimName": "audit-vault-0"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-vault-0"}},
    ]
    objects.put("pod", "vault-0", spec={"volumes": volumes})
    objects.put("pvc", "audit-vault-0", metadata={"uid": "of the audit log"})
    objects.put("pvc", "data-vault-0", metadata={"uid": "of the data"})
    return objects


def journal(deployment: str = DEPLOYMENT) -> InitJournal:
    target = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")
    return InitJournal(target, "vault", deployment)


def file(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "home" / "vault-autounseal").glob("*.json")
    return path


def entry_in(cluster: KubernetesObjects) -> JournalEntry:
    secret = cluster.get("secret", SECRET)
    assert secret is not None
    return JournalEntry.from_json(base64.b64decode(secret["data"]["journal"]).decode())


Change = Callable[[JournalEntry], JournalEntry]


def rewrite(cluster: KubernetesObjects, tmp_path: Path, change: Change) -> None:
    """Changes what lies in both places, as if another run had left it."""
    changed = change(entry_in(cluster)).to_json()
    cluster.put("secret", SECRET, data={"journal": base64.b64encode(changed.encode()).decode()})
    file(tmp_path).write_text(changed)


def of_dead_process(entry: JournalEntry) -> JournalEntry:
    return replace(entry, run=replace(entry.run, run_id="dead", process=ProcessIdentity(1, "never")))


def on_other_machine(entry: JournalEntry, age: timedelta = timedelta()) -> JournalEntry:
    began = (datetime.fromisoformat(entry.began) - age).isoformat()
    run = replace(entry.run, run_id="other", host="build-7", system="another boot")
    return replace(entry, run=run, began=began)


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


def file_name(deployment: str) -> str:
    return f"{hashlib.sha256(deployment.encode()).hexdigest()}.json"


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
    # Another name of the same file shows what its blocks hold afterwards.
    link = tmp_path / "link"
    link.hardlink_to(file(tmp_path))
    size = link.stat().st_size
    opened.finish()
    assert cluster.get("secret", SECRET) is None
    assert list((tmp_path / "home" / "vault-autounseal").iterdir()) == []
    assert link.read_bytes() == bytes(size)
    opened.finish()


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


# Other runs


def test_intent_of_another_machine_is_a_lock_for_a_quarter_of_an_hour(
    cluster: KubernetesObjects, tmp_path: Path
) -> None:
    journal().begin(CIPHER)
    rewrite(cluster, tmp_path, lambda entry: on_other_machine(entry, timedelta(minutes=14)))
    before = entry_in(cluster).to_json()
    found = journal().find()
    assert found is not None
    assert found.belongs_to_live_run
    with pytest.raises(AnotherRunError) as raised:
        journal().begin(CIPHER)
    said = str(raised.value)
    assert "on build-7, since" in said
    assert f"Secret secrets/{SECRET}" in said
    assert str(file(tmp_path)) in said
    assert entry_in(cluster).to_json() == before == file(tmp_path).read_text()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(of_dead_process, id="dead process"),
        pytest.param(
            lambda entry: on_other_machine(entry, timedelta(seconds=OTHER_HOST_SECONDS)), id="old, elsewhere"
        ),
    ],
)
def test_intent_of_a_dead_run_is_taken_over(
    cluster: KubernetesObjects, tmp_path: Path, change: Change
) -> None:
    journal().begin(CIPHER)
    rewrite(cluster, tmp_path, change)
    found = journal().find()
    assert found is not None
    assert not found.belongs_to_live_run
    opened = journal()
    opened.begin(OTHER_CIPHER)
    assert entry_in(cluster).run.process == RunIdentity.current().process
    opened.keep(RECORD)
    assert journal().recover(OTHER_CIPHER) == RECORD


def test_own_intent_of_an_earlier_try_is_taken_over(cluster: KubernetesObjects) -> None:
    journal().begin(CIPHER)
    first = entry_in(cluster)
    assert not first.belongs_to_live_run
    journal().begin(CIPHER)
    assert entry_in(cluster).run.run_id != first.run.run_id


def test_secret_made_by_a_faster_run_is_left_to_it(cluster: KubernetesObjects, tmp_path: Path) -> None:
    journal().begin(CIPHER)
    rewrite(cluster, tmp_path, on_other_machine)
    theirs = cluster.get("secret", SECRET)
    cluster.remove("secret", SECRET)
    file(tmp_path).unlink()
    cluster.before("create --filename", "secret", theirs)
    with pytest.raises(AnotherRunError, match="on build-7"):
        journal().begin(CIPHER)
    assert entry_in(cluster).run.host == "build-7"
    assert not list((tmp_path / "home" / "vault-autounseal").iterdir())


def test_two_runs_that_take_a_dead_one_over_at_once(cluster: KubernetesObjects, tmp_path: Path) -> None:
    journal().begin(CIPHER)
    first = entry_in(cluster)
    rewrite(cluster, tmp_path, on_other_machine)
    theirs = cluster.get("secret", SECRET)
    rewrite(cluster, tmp_path, lambda _: of_dead_process(first))
    cluster.before("replace", "secret", theirs)
    with pytest.raises(AnotherRunError, match="on build-7"):
        journal().begin(CIPHER)
    assert entry_in(cluster).run.run_id == "other"


def test_dead_run_whose_secret_vanishes_meanwhile(cluster: KubernetesObjects, tmp_path: Path) -> None:
    journal().begin(CIPHER)
    rewrite(cluster, tmp_path, of_dead_process)
    cluster.before("replace", "secret", None)
    with pytest.raises(AnotherRunError, match=r"\(one\)"):
        journal().begin(CIPHER)


def test_lock_in_the_file_counts_where_the_secret_was_deleted(
    cluster: KubernetesObjects, tmp_path: Path
) -> None:
    journal().begin(CIPHER)
    rewrite(cluster, tmp_path, on_other_machine)
    cluster.remove("secret", SECRET)
    with pytest.raises(AnotherRunError):
        journal().begin(CIPHER)
    assert cluster.get("secret", SECRET) is None


def test_finish_leaves_the_intent_of_a_live_run(
    cluster: KubernetesObjects, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = journal()
    opened.begin(CIPHER)
    rewrite(cluster, tmp_path, on_other_machine)
    opened.finish()
    assert entry_in(cluster).run.run_id == "other"
    assert file(tmp_path).exists()
    assert "The journal is another run's now (process" in capfd.readouterr().err


def test_finish_removes_keys_whoever_put_them_there(cluster: KubernetesObjects, tmp_path: Path) -> None:
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(RECORD)
    rewrite(cluster, tmp_path, on_other_machine)
    journal().finish()
    assert cluster.get("secret", SECRET) is None
    assert not list((tmp_path / "home" / "vault-autounseal").iterdir())


def test_finish_reads_again_where_the_secret_changed_meanwhile(
    cluster: KubernetesObjects, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = journal()
    opened.begin(CIPHER)
    own = cluster.get("secret", SECRET)
    assert own is not None
    rewrite(cluster, tmp_path, on_other_machine)
    theirs = cluster.get("secret", SECRET)
    cluster.put("secret", SECRET, data=own["data"])
    cluster.before("delete", "secret", theirs)
    opened.finish()
    assert entry_in(cluster).run.run_id == "other"
    assert "may be deleted by hand" not in capfd.readouterr().err


def test_finish_of_a_secret_that_vanishes_meanwhile(
    cluster: KubernetesObjects, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = journal()
    opened.begin(CIPHER)
    cluster.before("delete", "secret", None)
    opened.finish()
    assert capfd.readouterr().err == ""


def test_keys_are_put_again_where_the_secret_changed_meanwhile(
    cluster: KubernetesObjects, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = journal()
    opened.begin(CIPHER)
    cluster.before("replace", "secret", cluster.get("secret", SECRET))
    opened.keep(RECORD)
    assert entry_in(cluster).kept
    assert capfd.readouterr().err == ""


def test_keys_go_before_the_intent_of_a_run_that_took_over(
    cluster: KubernetesObjects, tmp_path: Path
) -> None:
    opened = journal()
    opened.begin(CIPHER)
    rewrite(cluster, tmp_path, on_other_machine)
    opened.keep(RECORD)
    assert entry_in(cluster).kept
    assert journal().recover(CIPHER) == RECORD


def test_keys_of_another_run_are_never_overwritten(
    cluster: KubernetesObjects, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = journal()
    opened.begin(CIPHER)
    rewrite(cluster, tmp_path, lambda entry: replace(on_other_machine(entry), ciphertext="theirs"))
    opened.keep(RECORD)
    assert entry_in(cluster).ciphertext == "theirs"
    assert "the keys of another run lie there" in capfd.readouterr().err
    cluster.remove("secret", SECRET)
    assert journal().recover(CIPHER) == RECORD


# Keys that nobody has taken yet


def test_untaken_keys_of_the_same_volume_stop_a_new_init(tmp_path: Path) -> None:
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(RECORD)
    with pytest.raises(JournalError, match="keys of an earlier init lie in it") as raised:
        journal().begin(CIPHER)
    assert str(file(tmp_path)) in str(raised.value)
    assert journal().recover(CIPHER) == RECORD


def test_untaken_keys_of_an_earlier_volume_are_set_aside(
    cluster: KubernetesObjects, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(RECORD)
    earlier = entry_in(cluster)
    cluster.put("pvc", "data-vault-0", metadata={"uid": "of new data"})
    journal().begin(CIPHER)
    folder = tmp_path / "home" / "vault-autounseal"
    aside = folder / file_name(DEPLOYMENT).replace(".json", f".{earlier.run.run_id}.json")
    assert JournalEntry.from_json(aside.read_text()).ciphertext == earlier.ciphertext
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert str(aside) in capfd.readouterr().err
    assert not entry_in(cluster).kept


def test_keys_are_found_before_a_later_intent(cluster: KubernetesObjects) -> None:
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(RECORD)
    later = replace(on_other_machine(entry_in(cluster), -timedelta(hours=1)), ciphertext="")
    cluster.put("secret", SECRET, data={"journal": base64.b64encode(later.to_json().encode()).decode()})
    found = journal().find()
    assert found is not None
    assert found.kept
    assert journal().recover(CIPHER) == RECORD


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
    mend_folder(tmp_path)
    assert journal().recover(CIPHER) == RECORD


def test_both_places_gone_while_the_keys_are_kept(
    cluster: KubernetesObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.init_journal._KEEP_SECONDS", 1)
    opened = journal()
    opened.begin(CIPHER)
    break_folder(tmp_path)
    cluster.fail(".", UNREACHABLE)
    with pytest.raises(JournalError) as raised:
        opened.keep(RECORD)
    said = str(raised.value)
    assert "in neither place" in said
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

    monkeypatch.setattr("components.init_journal.Waiting.pause", come_back)
    opened.keep(RECORD)
    mend_folder(tmp_path)
    assert journal().recover(CIPHER) == RECORD


def break_folder(tmp_path: Path) -> None:
    """Puts a file in the folder's place, which hinders even root."""
    folder = tmp_path / "home" / "vault-autounseal"
    folder.rename(tmp_path / "moved")
    folder.write_text("")


def mend_folder(tmp_path: Path) -> None:
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

    monkeypatch.setattr("components.journal_places.tempfile.mkstemp", full)
    with pytest.raises(JournalError, match="No space left on device"):
        journal().begin(CIPHER)
    assert any("create" in call for call in cluster.calls)
    assert cluster.get("secret", SECRET) is None


def test_finish_says_what_it_had_to_leave(
    cluster: KubernetesObjects, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = journal()
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
    with pytest.raises(JournalError, match="belongs to somebody else"):
        journal().find()
    with pytest.raises(JournalError, match="belongs to somebody else"):
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
    with pytest.raises(JournalError, match="no journal of an init of format 1"):
        journal().find()
    path.write_text(content)
    cluster.put("secret", SECRET, data={"journal": base64.b64encode(text.encode()).decode()})
    with pytest.raises(JournalError, match="no journal of an init of format 1"):
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
        run=RunIdentity.current(),
        began=datetime.now(UTC).isoformat(),
        volume="of the data",
        header={"cipher": "stack-key"},
        ciphertext="abc",
    )
    assert asdict(JournalEntry.from_json(entry.to_json())) == asdict(entry)

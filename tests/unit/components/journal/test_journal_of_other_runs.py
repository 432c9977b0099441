"""The journal of an init as a lock, and what is left of other runs."""

import base64
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from components.journal.encryption import JournalError
from components.journal.entry import UNLEASED_SECONDS, JournalEntry
from components.kubernetes.lease import AnotherRunError
from tests.unit.fakes.kubernetes_objects import KubernetesObjects
from tests.unit.fakes.left_journals import (
    CIPHER,
    DEPLOYMENT,
    OTHER_CIPHER,
    RECORD,
    SECRET,
    Change,
    cluster_with_vault,
    entry_in,
    file,
    file_name,
    journal,
    of_earlier_version,
    of_ended_run,
    rewrite,
)


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    """A cluster with pod 0 and its volume; Pulumi's home is the test's own."""
    return cluster_with_vault(monkeypatch, tmp_path)


def test_intent_of_an_earlier_version_is_a_lock_for_a_quarter_of_an_hour(
    cluster: KubernetesObjects, tmp_path: Path
) -> None:
    journal().begin(CIPHER)
    rewrite(cluster, tmp_path, lambda entry: of_earlier_version(entry, timedelta(minutes=14)))
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
        pytest.param(of_ended_run, id="ended run"),
        pytest.param(
            lambda entry: of_earlier_version(entry, timedelta(seconds=UNLEASED_SECONDS)),
            id="earlier version, old",
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
    assert entry_in(cluster).run == opened.lease.identity
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
    rewrite(cluster, tmp_path, of_earlier_version)
    theirs = cluster.get("secret", SECRET)
    cluster.remove("secret", SECRET)
    file(tmp_path).unlink()
    cluster.before("create --filename", "secret", theirs)
    with pytest.raises(AnotherRunError, match="at the same moment"):
        journal().begin(CIPHER)
    assert entry_in(cluster).run.host == "build-7"
    assert not list((tmp_path / "home" / "vault-autounseal").iterdir())


def test_two_runs_that_take_a_dead_one_over_at_once(cluster: KubernetesObjects, tmp_path: Path) -> None:
    journal().begin(CIPHER)
    first = entry_in(cluster)
    rewrite(cluster, tmp_path, of_earlier_version)
    theirs = cluster.get("secret", SECRET)
    rewrite(cluster, tmp_path, lambda _: of_ended_run(first))
    cluster.before("replace", "secret", theirs)
    with pytest.raises(AnotherRunError, match="at the same moment"):
        journal().begin(CIPHER)
    assert entry_in(cluster).run.run_id == "other"


def test_dead_run_whose_secret_vanishes_meanwhile(cluster: KubernetesObjects, tmp_path: Path) -> None:
    journal().begin(CIPHER)
    rewrite(cluster, tmp_path, of_ended_run)
    cluster.before("replace", "secret", None)
    with pytest.raises(AnotherRunError, match="at the same moment"):
        journal().begin(CIPHER)


def test_lock_in_the_file_counts_where_the_secret_was_deleted(
    cluster: KubernetesObjects, tmp_path: Path
) -> None:
    journal().begin(CIPHER)
    rewrite(cluster, tmp_path, of_earlier_version)
    cluster.remove("secret", SECRET)
    with pytest.raises(AnotherRunError):
        journal().begin(CIPHER)
    assert cluster.get("secret", SECRET) is None


def test_finish_leaves_the_intent_of_a_live_run(
    cluster: KubernetesObjects, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = journal()
    opened.begin(CIPHER)
    rewrite(cluster, tmp_path, of_earlier_version)
    opened.finish()
    assert entry_in(cluster).run.run_id == "other"
    assert file(tmp_path).exists()
    assert "The journal is another run's now (a run on build-7)" in capfd.readouterr().err


@pytest.mark.parametrize("change", [of_earlier_version, of_ended_run])
def test_finish_leaves_the_keys_of_another_run(
    cluster: KubernetesObjects, tmp_path: Path, capfd: pytest.CaptureFixture[str], change: Change
) -> None:
    """They may be the only ones of the Vault that runs now."""
    first = journal()
    first.begin(CIPHER)
    first.keep(RECORD)
    rewrite(cluster, tmp_path, change)
    opened = journal()
    with opened.lease.held(0):
        opened.finish()
        opened.finish("sha256:of-other-shares")
    assert journal().recover(CIPHER) == RECORD
    assert capfd.readouterr().err.count("may be valid. It stays, encrypted, in ") == 1


@pytest.mark.parametrize("places", [("secret",), ("file",), ("secret", "file")])
def test_finish_deletes_what_the_run_has_recovered(
    cluster: KubernetesObjects, tmp_path: Path, places: tuple[str, ...]
) -> None:
    """Also the intent of the same run in the place that failed when that run had its keys."""
    first = journal()
    first.begin(CIPHER)
    intent = entry_in(cluster).to_json()
    first.keep(RECORD)
    if "secret" not in places:
        cluster.put("secret", SECRET, data={"journal": base64.b64encode(intent.encode()).decode()})
    if "file" not in places:
        file(tmp_path).write_text(intent)
    opened = journal()
    assert opened.recover(CIPHER) == RECORD
    opened.finish()
    assert cluster.get("secret", SECRET) is None
    assert not list((tmp_path / "home" / "vault-autounseal").iterdir())


def test_keys_in_the_state_end_the_intent_of_a_run_that_is_over(
    cluster: KubernetesObjects, tmp_path: Path
) -> None:
    """Its keys reached the state only; the intent would say of them that they went to nobody."""
    journal().begin(CIPHER)
    rewrite(cluster, tmp_path, of_ended_run)
    journal().finish(RECORD.fingerprint)
    assert journal().find() is None


def test_finish_leaves_the_intent_of_a_run_that_holds_the_lease(
    cluster: KubernetesObjects, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("components.journal.journal._FINISH_SECONDS", 0)
    other = journal()
    with other.lease.held(0):
        other.begin(CIPHER)
        monkeypatch.setattr("components.kubernetes.lease.time.sleep", lambda _: other.lease.check())
        journal().finish(RECORD.fingerprint)
    assert entry_in(cluster).run == other.lease.identity
    assert "The journal stays in " in capfd.readouterr().err


def test_finish_reads_again_where_the_secret_changed_meanwhile(
    cluster: KubernetesObjects, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = journal()
    opened.begin(CIPHER)
    own = cluster.get("secret", SECRET)
    assert own is not None
    rewrite(cluster, tmp_path, of_earlier_version)
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
    rewrite(cluster, tmp_path, of_earlier_version)
    opened.keep(RECORD)
    assert entry_in(cluster).kept
    assert journal().recover(CIPHER) == RECORD


def test_keys_of_another_run_are_never_overwritten(
    cluster: KubernetesObjects, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = journal()
    opened.begin(CIPHER)
    rewrite(cluster, tmp_path, lambda entry: replace(of_earlier_version(entry), ciphertext="theirs"))
    opened.keep(RECORD)
    assert entry_in(cluster).ciphertext == "theirs"
    folder = tmp_path / "home" / "vault-autounseal"
    theirs = folder / file_name(DEPLOYMENT)
    assert JournalEntry.from_json(theirs.read_text()).ciphertext == "theirs"
    said = capfd.readouterr().err
    assert "the keys of another run lie there" in said
    (aside,) = folder.glob(f"*.{opened.lease.identity.run_id}.json")
    assert str(aside) in said
    aside.replace(theirs)
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
    later = replace(of_earlier_version(entry_in(cluster), -timedelta(hours=1)), ciphertext="")
    cluster.put("secret", SECRET, data={"journal": base64.b64encode(later.to_json().encode()).decode()})
    found = journal().find()
    assert found is not None
    assert found.kept
    assert journal().recover(CIPHER) == RECORD


@pytest.mark.parametrize(
    ("failure", "attempts"),
    [
        ("Error from server (Forbidden): secrets is forbidden", 1),
        ("Error from server (Conflict): the object has been modified", 3),
    ],
)
def test_lock_that_cannot_be_deleted_is_said(
    cluster: KubernetesObjects, capfd: pytest.CaptureFixture[str], failure: str, attempts: int
) -> None:
    """At once, unless it always changes meanwhile."""
    opened = journal()
    opened.begin(CIPHER)
    cluster.fail("delete", failure)
    opened.finish()
    assert failure.partition(":")[0] in capfd.readouterr().err
    assert sum(call.count("delete") for call in cluster.calls) == attempts


def test_keys_that_the_state_does_not_have_yet_stay(
    cluster: KubernetesObjects, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(RECORD)
    journal().finish(fingerprint="sha256:of-the-old-shares")
    assert "the shares of an interrupted change, which may be valid. It stays" in capfd.readouterr().err
    assert journal().recover(CIPHER) == RECORD
    journal().finish(fingerprint=RECORD.fingerprint)
    assert cluster.get("secret", SECRET) is None
    assert journal().find() is None

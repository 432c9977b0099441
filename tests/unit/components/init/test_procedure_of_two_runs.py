"""Two runs at once, on any machines: one initialises, and one that slept overwrites nothing."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.custody.key_record import KeyRecord
from components.errors import DeploymentError
from components.init.procedure import InitResult
from components.journal.journal import InitJournal
from components.kubernetes.lease import AnotherRunError, LeaseLostError, RunLease
from components.vault.client import VaultClient
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import CIPHER, SECRET, TARGET, InitCluster, journal
from tests.unit.fakes.init_runs import run, stored
from tests.unit.fakes.scripted_vault import INIT, SEAL_STATUS, ScriptedVault, seal_status
from tests.unit.fakes.vault_keys import OTHER, RECORD, STORED, answer_first_init, answer_proofs


def lease_spec(cluster: InitCluster) -> dict[str, Any]:
    found = cluster.objects.get("lease", SECRET)
    assert found is not None
    spec: dict[str, Any] = found["spec"]
    return spec


def after(
    monkeypatch: pytest.MonkeyPatch, method: str, act: Callable[[], None], of: type = InitJournal
) -> None:
    """Has something happen right after a step of the journal, or of another class."""
    step = getattr(of, method)

    def stepped(*args: Any, **options: Any) -> Any:
        result = step(*args, **options)
        act()
        return result

    monkeypatch.setattr(of, method, stepped)


def test_lease_is_held_from_before_the_journal_until_the_keys_are_stored(
    vault: ScriptedVault, store: scripted_store.Store, cluster: InitCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_first_init(vault)
    holders: list[str] = []
    for method in ("begin", "keep"):
        after(monkeypatch, method, lambda: holders.append(lease_spec(cluster)["holderIdentity"]))
    write = scripted_store.Store.write

    def written(*args: Any) -> Any:
        holders.append(lease_spec(cluster)["holderIdentity"])
        return write(*args)

    monkeypatch.setattr(scripted_store.Store, "write", written)
    run(vault, store)
    (holder,) = set(holders)
    assert len(holders) == 4
    assert holder != ""
    assert lease_spec(cluster)["holderIdentity"] == ""


def test_run_that_ends_with_an_error_releases_the_lease(vault: ScriptedVault, cluster: InitCluster) -> None:
    vault.answers(SEAL_STATUS, seal_status("shamir"))
    with pytest.raises(DeploymentError, match="has seal shamir"):
        run(vault)
    assert lease_spec(cluster)["holderIdentity"] == ""


def test_run_that_slept_before_the_init_initialises_nothing(
    vault: ScriptedVault, store: scripted_store.Store, cluster: InitCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_first_init(vault)
    after(monkeypatch, "begin", cluster.take_lease)
    with pytest.raises(LeaseLostError, match="on build-7"):
        run(vault, store)
    assert vault.asked(INIT) == []
    assert stored(store) is None
    assert lease_spec(cluster)["holderIdentity"] == "build-7_other"


def test_lease_that_cannot_be_confirmed_before_the_init_initialises_nothing(
    vault: ScriptedVault, cluster: InitCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.answers(SEAL_STATUS, seal_status())
    after(monkeypatch, "begin", lambda: cluster.objects.fail("replace", "connection refused"))
    with pytest.raises(DeploymentError, match="connection refused"):
        run(vault, pod_start_seconds=0.3)
    assert vault.asked(INIT) == []


@pytest.mark.parametrize("theirs", [OTHER, None], ids=["and the other run has stored keys", "nothing yet"])
def test_run_that_slept_with_its_keys_overwrites_nothing_and_keeps_them(
    vault: ScriptedVault,
    store: scripted_store.Store,
    cluster: InitCluster,
    monkeypatch: pytest.MonkeyPatch,
    theirs: KeyRecord | None,
) -> None:
    answer_first_init(vault)

    def other_run_works() -> None:
        cluster.take_lease()
        if theirs is not None:
            (Path(store.folder) / "record").write_text(theirs.to_json())

    after(monkeypatch, "keep", other_run_works)
    with pytest.raises(DeploymentError, match="The keys are safe: they are in the journal, encrypted"):
        run(vault, store)
    assert stored(store) == theirs
    assert journal().recover(CIPHER) == RECORD


def test_keys_that_are_nowhere_else_are_stored_without_the_lease_over_nothing(
    vault: ScriptedVault, store: scripted_store.Store, cluster: InitCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they would be lost, and no other run can have this Vault's."""
    answer_first_init(vault)
    monkeypatch.setattr("components.journal.journal._KEEP_SECONDS", 0)

    def both_places_fail() -> None:
        cluster.take_lease()
        cluster.objects.fail("secret|replace|create", "The connection to the server was refused")
        (path,) = cluster.journal_files
        path.unlink()
        path.parent.rmdir()
        path.parent.write_text("")

    after(monkeypatch, "initialize", both_places_fail, of=VaultClient)
    assert run(vault, store).record == stored(store) == STORED


@pytest.mark.parametrize("custody", ["store", "state"])
def test_of_two_runs_one_initialises_and_the_other_takes_the_same_keys(
    vault: ScriptedVault,
    store: scripted_store.Store,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    custody: str,
) -> None:
    """Each on a machine of its own: they share neither a file nor a process's number."""
    monkeypatch.setattr("components.kubernetes.lease._LOOK_SECONDS", 0.01)
    answer_first_init(vault)
    began = threading.Event()
    second: list[InitResult] = []

    def waiting_run() -> None:
        second.append(run(vault, store if custody == "store" else None, pod_start_seconds=20))

    other = threading.Thread(target=waiting_run)

    def let_the_other_one_try() -> None:
        if not began.is_set():
            began.set()
            monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "another home"))
            other.start()
            other.join(0.5)
            assert other.is_alive()
            answer_proofs(vault, True)

    after(monkeypatch, "keep", let_the_other_one_try)
    first = run(vault, store if custody == "store" else None, pod_start_seconds=20)
    other.join(20)
    assert len(vault.asked(INIT)) == 1
    assert second[0].record is not None
    assert first.record is not None
    assert second[0].record.shares == first.record.shares
    assert second[0].initialized_here


def test_live_run_that_does_not_end_is_named(
    vault: ScriptedVault, cluster: InitCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = RunLease(TARGET, "vault")
    vault.answers(SEAL_STATUS, seal_status())
    with other.held(0):
        monkeypatch.setattr("components.kubernetes.lease.time.sleep", lambda _: other.check())
        with pytest.raises(AnotherRunError, match="Another run initialises this Vault at the moment"):
            run(vault, pod_start_seconds=0)
    assert vault.requests == []
    assert cluster.objects.names("secret") == []

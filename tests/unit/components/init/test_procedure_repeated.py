"""The init by several runs, one after the other or at once: Vault is initialised once, and no key is lost."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.kubernetes.lease import AnotherRunError, RunIdentity
from components.progress import Waiting
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import (
    CIPHER,
    InitCluster,
    journal,
    provide_cluster,
)
from tests.unit.fakes.init_runs import run, stored
from tests.unit.fakes.scripted_vault import (
    INIT,
    SEAL_STATUS,
    ScriptedVault,
    error,
    seal_status,
)
from tests.unit.fakes.vault_keys import (
    CLUSTER_ID,
    STORED,
    UNSEALED,
    answer_first_init,
    answer_proofs,
    shown,
)


def test_failed_init_is_begun_again_by_the_next_run(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    vault.answers(SEAL_STATUS, seal_status())
    vault.answers(INIT, error(500, "failed to encrypt barrier keys"))
    with pytest.raises(DeploymentError, match="failed to encrypt barrier keys"):
        run(vault, store)
    left = journal().find()
    assert left is not None
    assert left.kept is False

    answer_first_init(vault)
    assert run(vault, store).record == stored(store) == STORED


def test_own_keys_are_found_in_the_store_when_the_state_is_lost(
    vault: ScriptedVault, store: scripted_store.Store, capfd: pytest.CaptureFixture[str]
) -> None:
    answer_first_init(vault)
    run(vault, store)
    answer_proofs(vault, True)
    result = run(vault, store)
    assert (result.record, result.initialized_here) == (STORED, True)
    assert result.reference.location == store.location
    assert len(vault.asked(INIT)) == 1
    said = capfd.readouterr().err
    assert f"Keys of this Vault were found in {store.location}" in said
    assert shown(said) == []


def begun_by_an_earlier_version(cluster: InitCluster) -> None:
    """The journal as a run leaves it right after its begin that took no lease."""
    journal().begin(CIPHER)
    entry = cluster.journal_entry
    assert entry is not None
    cluster.rewrite_journal(replace(entry, run=RunIdentity("other", "build-7"), leased=False))


def test_another_run_is_waited_for_and_left_alone(
    vault: ScriptedVault, store: scripted_store.Store, cluster: InitCluster
) -> None:
    begun_by_an_earlier_version(cluster)
    vault.answers(SEAL_STATUS, seal_status())
    with pytest.raises(AnotherRunError) as raised:
        run(vault, store, pod_start_seconds=0.3)
    assert "on build-7" in str(raised.value)
    assert "this one has changed nothing" in str(raised.value)
    assert vault.asked(INIT) == []
    left = journal().find()
    assert left is not None
    assert left.run.host == "build-7"


def test_keys_that_another_run_has_stored_meanwhile_are_taken(
    vault: ScriptedVault,
    store: scripted_store.Store,
    cluster: InitCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun_by_an_earlier_version(cluster)
    vault.answers(SEAL_STATUS, seal_status())

    def other_run_ends(*_args: Any, **_options: Any) -> None:
        (Path(store.folder) / "record").write_text(STORED.to_json())
        cluster.objects.remove("secret", "vault-operator-init")
        for file in cluster.journal_files:
            file.unlink()
        answer_proofs(vault, True)
        monkeypatch.undo()
        provide_cluster(monkeypatch, cluster.folder)

    monkeypatch.setattr(Waiting, "pause", other_run_ends)
    result = run(vault, store, pod_start_seconds=20)
    assert result.record == STORED
    assert vault.asked(INIT) == []


def test_whoever_was_faster_with_the_init_has_its_keys(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    vault.answers(SEAL_STATUS, seal_status(), UNSEALED)
    vault.answers(INIT, error(400, "Vault is already initialized"))
    with pytest.raises(DeploymentError, match="by somebody or something else than this stack"):
        run(vault, store, pod_start_seconds=20)
    assert len(vault.asked(INIT)) == 1
    # Else the next run would take the Vault for its own empty one.
    assert journal().find() is None


def test_init_that_an_earlier_run_had_begun_is_still_that_runs(
    vault: ScriptedVault, store: scripted_store.Store, cluster: InitCluster
) -> None:
    """It was killed with its init inside Vault, which ends it just before it gets the next one."""
    journal().begin(CIPHER)
    entry = cluster.journal_entry
    assert entry is not None
    earlier = replace(entry, run=RunIdentity("of the earlier run", "build-7"))
    cluster.rewrite_journal(earlier)
    vault.answers(SEAL_STATUS, seal_status(), UNSEALED)
    vault.answers(INIT, error(400, "Vault is already initialized"))
    cluster.logs(f"{earlier.began.replace('+00:00', 'Z')} core: security barrier initialized: stored=1")
    with pytest.raises(DeploymentError, match="its keys went to nobody"):
        run(vault, store, pod_start_seconds=20)
    left = journal().find()
    assert left is not None
    assert left.run.run_id == "of the earlier run"


def test_run_that_ended_is_no_other(vault: ScriptedVault, store: scripted_store.Store) -> None:
    journal().begin(CIPHER)
    answer_first_init(vault)
    record = run(vault, store).record
    assert record is not None
    assert record.cluster_id == CLUSTER_ID

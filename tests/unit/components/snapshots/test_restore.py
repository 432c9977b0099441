"""What a restore asks before it changes anything; ``tests/integration/test_snapshots.py`` restores."""

from dataclasses import replace
from pathlib import Path

import pytest

from components.custody.key_custody import KeyCustody
from components.errors import DeploymentError
from components.snapshots.preparation import RestoreInputs, prepared
from components.snapshots.restore import restore
from components.snapshots.vault import SnapshotVault
from tests.unit.fakes.init_inputs import (
    DEPLOYMENT,
    JOURNAL_KEY,
    TARGET,
    InitCluster,
    access,
    provide_cluster,
)
from tests.unit.fakes.key_records import key_record
from tests.unit.fakes.scripted_store import Store
from tests.unit.fakes.scripted_vault import (
    INIT,
    LEADER,
    LEADS,
    LOOKUP_SELF,
    SEAL_STATUS,
    ScriptedVault,
    error,
    seal_status,
)
from tests.unit.fakes.selected_stack import SEAL_KEY
from tests.unit.fakes.snapshot_files import write_snapshot_file

SERVES = seal_status(initialized=True, sealed=False, cluster_id="7d")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    return provide_cluster(monkeypatch, tmp_path / "cluster")


def inputs(vault: ScriptedVault, folder: Path, **record: object) -> RestoreInputs:
    keys = replace(key_record(), deployment=DEPLOYMENT)
    path = folder / "vault.snap"
    found = write_snapshot_file(path, seal_key=SEAL_KEY, keys_fingerprint=keys.fingerprint, **record)
    target = SnapshotVault(
        access=access(vault.address),
        replicas=1,
        seal_type="awskms",
        seal_key=SEAL_KEY,
        deployment=DEPLOYMENT,
        custody=KeyCustody(store=None, target=TARGET, deployment=DEPLOYMENT),
        keys=keys,
        tokens=("hvs.root",),
        leader_seconds=0.3,
    )
    return RestoreInputs(
        vault=target,
        snapshot=path,
        record=found,
        without_keys=False,
        journal_key=JOURNAL_KEY,
        start_seconds=0.3,
    )


def refused(given: RestoreInputs, vault: ScriptedVault, message: str) -> None:
    with pytest.raises(DeploymentError, match=message):
        restore(given, prepared(given))
    assert not [request for request in vault.requests if request.call.startswith("POST")]
    assert vault.asked(INIT) == []
    assert not list(given.snapshot.parent.glob("before-restore-*"))


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("status", [SERVES, seal_status()])
def test_servers_that_are_older_than_the_snapshot(
    vault: ScriptedVault, tmp_path: Path, status: object
) -> None:
    vault.answers(SEAL_STATUS, status)  # type: ignore[arg-type]  # an answer
    vault.answers(LEADER, LEADS)
    refused(inputs(vault, tmp_path, vault_version="1.21.2"), vault, "Set image.tag, run pulumi up")


@pytest.mark.usefixtures("cluster")
def test_token_that_is_not_valid(vault: ScriptedVault, tmp_path: Path) -> None:
    vault.answers(SEAL_STATUS, SERVES)
    vault.answers(LEADER, LEADS)
    vault.answers(LOOKUP_SELF, error(403, "permission denied"))
    refused(inputs(vault, tmp_path), vault, "(?s)There is no valid token.*a-restore-was-interrupted")


@pytest.mark.usefixtures("cluster")
def test_pod_that_is_missing(vault: ScriptedVault, tmp_path: Path) -> None:
    vault.answers(SEAL_STATUS, seal_status())
    given = inputs(vault, tmp_path)
    two = replace(given, vault=replace(given.vault, replicas=2))
    refused(two, vault, "only 1 of 2 pods are there")


def test_claim_without_a_pod(vault: ScriptedVault, cluster: InitCluster, tmp_path: Path) -> None:
    vault.answers(SEAL_STATUS, seal_status())
    cluster.objects.put("pvc", "data-vault-1", status={"phase": "Bound"})
    refused(inputs(vault, tmp_path), vault, "vault-1: there is no such pod")


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("stored", [True, False], ids=["another set", "none"])
def test_shares_that_another_run_has_changed_meanwhile(
    vault: ScriptedVault, tmp_path: Path, stored: bool
) -> None:
    """It had the lease after this run had read them, so those of the snapshot have to go back by now."""
    vault.answers(SEAL_STATUS, SERVES)
    vault.answers(LEADER, LEADS)
    given = inputs(vault, tmp_path)
    keys = given.vault.keys
    assert keys is not None
    changed = replace(keys, recovery_shares=tuple(reversed(keys.recovery_shares)))
    store = Store(str(tmp_path))
    if stored:
        store.write(changed, TARGET)
    custody = replace(given.vault.custody, store=store)
    meanwhile = replace(given, vault=replace(given.vault, custody=custody))
    refused(meanwhile, vault, "have been changed since this run read them")
    assert vault.requests == []

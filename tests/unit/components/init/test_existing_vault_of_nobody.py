"""A Vault whose keys went to nobody: when it counts as empty, and what a person is told to type then."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from components.errors import DeploymentError
from components.kubernetes.lease import AnotherRunError, RunIdentity
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import CIPHER, InitCluster, journal
from tests.unit.fakes.init_runs import pods_answer, pods_of, run, stored
from tests.unit.fakes.scripted_vault import SEAL_STATUS, Answer, ScriptedVault, error, seal_status
from tests.unit.fakes.vault_keys import STORED, UNSEALED, answer_first_init


def refused(vault: ScriptedVault, store: scripted_store.Store | None = None, **changed: Any) -> str:
    """What a run says that initialises nothing and deletes nothing."""
    with pytest.raises(DeploymentError) as raised:
        run(vault, store, **changed)
    assert not [request for request in vault.requests if request.call.endswith("/v1/sys/init")]
    return str(raised.value)


BEGAN_LINE = "{time} 2026-01-01T00:00:00.000Z [INFO]  core: security barrier initialized: stored=1 shares=1"


def at(moment: datetime) -> str:
    """A line of the log as kubectl shows it, with nanoseconds."""
    return BEGAN_LINE.format(time=moment.strftime("%Y-%m-%dT%H:%M:%S.123456789Z"))


@pytest.fixture
def lost_answer(vault: ScriptedVault, cluster: InitCluster) -> None:
    """A run that was stopped between its init and Vault's answer."""
    journal().begin(CIPHER)
    vault.answers(SEAL_STATUS, UNSEALED)
    cluster.logs("2026-01-01T00:00:00Z ==> Vault server started!", at(datetime.now(UTC)))


DELETIONS = (
    "kubectl --context=here --namespace=secrets delete pvc/data-vault-0 --wait=false",
    "kubectl --context=here --namespace=secrets delete pod/vault-0",
)


@pytest.mark.usefixtures("lost_answer")
def test_empty_vault_is_told_with_the_lines_that_delete_it(
    vault: ScriptedVault, cluster: InitCluster
) -> None:
    message = refused(vault)
    assert "its keys went to nobody" in message
    assert "So it can't contain any data" in message
    assert [line.strip() for line in message.splitlines() if "delete p" in line] == list(DELETIONS)
    assert "set init.adopt to true and give them (adoptedKeys)" in message
    assert cluster.deleted_pods == []
    assert journal().find() is not None


@pytest.mark.usefixtures("lost_answer")
def test_run_after_the_deletion_begins_again(
    vault: ScriptedVault, cluster: InitCluster, store: scripted_store.Store
) -> None:
    refused(vault, store)
    cluster.objects.put("pvc", "data-vault-0", metadata={"uid": "of the new volume"})
    answer_first_init(vault)
    assert run(vault, store).record == stored(store) == STORED
    assert journal().find() is None


@pytest.mark.usefixtures("lost_answer")
def test_members_of_the_empty_vault_go_with_it(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.add_server("vault-1")
    cluster.add_server("vault-2")
    pods_answer(vault, UNSEALED, UNSEALED, seal_status())
    message = refused(vault, access=pods_of(vault))
    assert "delete pvc/data-vault-0 pvc/data-vault-1 pvc/data-vault-2 --wait=false" in message
    assert "delete pod/vault-0 pod/vault-1 pod/vault-2" in message


OF_ANOTHER = seal_status(initialized=True, sealed=False, cluster_id="e150")


@pytest.mark.usefixtures("lost_answer")
@pytest.mark.parametrize(
    ("first", "other", "why"),
    [
        (
            UNSEALED,
            OF_ANOTHER,
            "vault-1 is initialised, and nothing shows that it belongs to the Vault of vault-0",
        ),
        (UNSEALED, seal_status(initialized=True), "vault-1 is initialised, and nothing shows"),
        (seal_status(initialized=True), seal_status(initialized=True), "vault-1 is initialised, and nothing"),
        (UNSEALED, error(503, "Vault is sealed"), "vault-1 can't be asked: Vault is sealed"),
        (UNSEALED, error(400, "no"), "vault-1 can't be asked: no"),
    ],
    ids=["another cluster", "sealed", "both sealed", "not there yet", "something else"],
)
def test_no_volume_is_named_beside_another_vault(
    vault: ScriptedVault, cluster: InitCluster, first: Answer, other: Answer, why: str
) -> None:
    cluster.add_server("vault-1")
    pods_answer(vault, first, other)
    message = refused(vault, access=pods_of(vault))
    assert "That it is empty can't be proven: " in message
    assert why in message
    assert "data-vault" not in message


@pytest.mark.usefixtures("lost_answer")
def test_claim_without_a_pod_may_hold_another_vault(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.add_server("vault-1")
    cluster.objects.remove("pod", "vault-1")
    message = refused(vault)
    assert "vault-1 can't be asked: there is no such pod" in message
    assert "data-vault" not in message


@pytest.mark.usefixtures("lost_answer")
@pytest.mark.parametrize(
    ("log", "why"),
    [
        ([], "doesn't show when Vault was initialised (the pod was restarted since)"),
        ([timedelta(), timedelta()], "doesn't show when Vault was initialised"),
        ([timedelta(minutes=-5)], "somebody else initialised it"),
        ([timedelta(minutes=5)], "somebody else initialised it"),
    ],
    ids=["no line", "two lines", "before the run", "after the run"],
)
def test_vault_that_may_hold_something_names_no_volume(
    vault: ScriptedVault, cluster: InitCluster, log: list[timedelta], why: str
) -> None:
    cluster.logs(*(at(datetime.now(UTC) + distance) for distance in log))
    message = refused(vault)
    assert "That it is empty can't be proven: " in message
    assert why in message
    assert "If you know that nothing is in it, delete its pods with their volumes yourself" in message
    assert "data-vault" not in message
    assert journal().find() is not None


@pytest.mark.usefixtures("lost_answer")
def test_vault_on_another_volume_is_not_that_runs(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.objects.put("pvc", "data-vault-0", metadata={"uid": "of somebody else"})
    message = refused(vault)
    assert "its volume is another one than that run's" in message
    assert "data-vault" not in message


@pytest.mark.usefixtures("lost_answer")
def test_vault_without_a_log_proves_nothing(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.fail_logs('pods "vault-0" is forbidden')
    assert 'the log of vault-0 can\'t be read: pods "vault-0" is forbidden' in refused(vault)


@pytest.mark.usefixtures("lost_answer")
def test_vault_that_another_run_initialises_is_waited_for(vault: ScriptedVault, cluster: InitCluster) -> None:
    entry = cluster.journal_entry
    assert entry is not None
    cluster.rewrite_journal(replace(entry, run=RunIdentity("other", "build-7"), leased=False))
    with pytest.raises(AnotherRunError, match="build-7"):
        run(vault, pod_start_seconds=0.3)

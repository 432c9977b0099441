"""What proves that a Vault is empty, to the second, and what a person types to delete it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from components.init.empty_vault import (
    NotProvablyEmptyError,
    deletion_commands,
    require_initialized_by,
)
from components.kubernetes.kubectl import KubernetesTarget
from components.vault.answers import SealStatus
from components.vault.client import INIT_SECONDS
from components.vault.messages import INITIALIZED_LINE
from tests.unit.fakes.init_inputs import InitCluster, access
from tests.unit.fakes.init_runs import at_pod
from tests.unit.fakes.scripted_vault import SEAL_STATUS, Answer, ScriptedVault, error, seal_status

BEGAN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
APART = 60
"""How far the clocks may be apart, in seconds."""


def line(seconds: int, *, zone: str = "Z") -> str:
    moment = (BEGAN + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.987654321")
    return f"{moment}{zone} [INFO]  core: {INITIALIZED_LINE}: stored=1 shares=1 threshold=1"


@pytest.mark.parametrize("seconds", [-APART, 0, 1, INIT_SECONDS, INIT_SECONDS + APART])
def test_init_within_the_run_is_that_runs(cluster: InitCluster, seconds: int) -> None:
    cluster.logs("2026-03-01T11:00:00.1Z ==> Vault server started!", line(seconds), line(0)[:30])
    require_initialized_by(access(), BEGAN)


@pytest.mark.parametrize("seconds", [-86400, -APART - 1, INIT_SECONDS + APART + 1, 86400])
def test_init_at_another_time_is_somebody_elses(cluster: InitCluster, seconds: int) -> None:
    cluster.logs(line(seconds))
    with pytest.raises(NotProvablyEmptyError, match="somebody else initialised it"):
        require_initialized_by(access(), BEGAN)


def test_time_of_the_log_may_be_of_another_zone(cluster: InitCluster) -> None:
    cluster.logs(line(3600, zone="+01:00"))
    require_initialized_by(access(), BEGAN)


def test_times_with_an_offset_are_compared_as_moments(cluster: InitCluster) -> None:
    cluster.logs(line(0, zone="+01:00"))
    with pytest.raises(NotProvablyEmptyError):
        require_initialized_by(access(), BEGAN)


@pytest.mark.parametrize("count", [0, 2])
def test_log_that_does_not_tell_proves_nothing(cluster: InitCluster, count: int) -> None:
    cluster.logs(*[line(0)] * count)
    with pytest.raises(NotProvablyEmptyError, match="the pod was restarted since"):
        require_initialized_by(access(), BEGAN)


def test_log_that_cannot_be_read_proves_nothing(cluster: InitCluster) -> None:
    cluster.fail_logs('container "vault" is not found')
    with pytest.raises(NotProvablyEmptyError, match='container "vault" is not found'):
        require_initialized_by(access(), BEGAN)


EMPTY = SealStatus(
    seal_type="awskms",
    initialized=True,
    sealed=False,
    recovery_seal=True,
    version="1.18.1",
    cluster_id="7d0f",
)


def commands_for(target: KubernetesTarget) -> list[str]:
    return [
        line.partition(" delete ")[0] for line in deletion_commands(replace(access(), target=target), EMPTY)
    ]


@pytest.mark.usefixtures("cluster")
def test_lines_lead_to_the_same_cluster() -> None:
    by_file = KubernetesTarget(kubeconfig="~/my clusters", context="a b", namespace="secrets")
    file = Path("~/my clusters").expanduser()
    assert commands_for(by_file) == [f"kubectl '--context=a b' --namespace=secrets '--kubeconfig={file}'"] * 2
    # A kubeconfig that the program has made has contexts that the person's own lacks.
    made = KubernetesTarget(kubeconfig='{"clusters": []}', context="eks", namespace="secrets")
    assert commands_for(made) == ["kubectl --namespace=secrets"] * 2


def test_pods_without_claims_are_deleted_alone(cluster: InitCluster) -> None:
    cluster.objects.remove("pvc", "data-vault-0")
    (line,) = deletion_commands(access(), EMPTY)
    assert line.endswith(" delete pod/vault-0")


def test_pods_that_cannot_be_listed_prove_nothing(cluster: InitCluster) -> None:
    cluster.objects.fail("get statefulset,pod,pvc", "pods is forbidden")
    with pytest.raises(NotProvablyEmptyError, match="pods is forbidden"):
        deletion_commands(access(), EMPTY)


def test_claim_that_has_no_volume_yet_holds_nothing(cluster: InitCluster) -> None:
    cluster.objects.put("pvc", "data-vault-1", status={"phase": "Pending"})
    claims, _ = deletion_commands(access(), EMPTY)
    assert "pvc/data-vault-0 pvc/data-vault-1" in claims


SAME = seal_status(initialized=True, sealed=False, cluster_id="7d0f")


def commands_beside(vault: ScriptedVault, other: Answer, first: SealStatus = EMPTY) -> str:
    """The lines for pod 0, if pod 1 answers so."""
    vault.answers(at_pod("vault-1", SEAL_STATUS), other)
    return "\n".join(deletion_commands(access(f"{vault.address}/{{pod}}"), first))


@pytest.mark.parametrize("other", [SAME, seal_status()], ids=["a member", "blank"])
def test_other_servers_go_too(vault: ScriptedVault, cluster: InitCluster, other: Answer) -> None:
    cluster.add_server("vault-1")
    lines = commands_beside(vault, other)
    assert "pvc/data-vault-0 pvc/data-vault-1" in lines
    assert "pod/vault-0 pod/vault-1" in lines


@pytest.mark.parametrize(
    ("other", "first"),
    [
        (seal_status(initialized=True, sealed=False, cluster_id="e150"), EMPTY),
        (seal_status(initialized=True), EMPTY),
        (seal_status(initialized=True), replace(EMPTY, sealed=True, cluster_id="")),
    ],
    ids=["of another cluster", "sealed", "both sealed"],
)
def test_another_vault_may_be_on_another_server(
    vault: ScriptedVault, cluster: InitCluster, other: Answer, first: SealStatus
) -> None:
    cluster.add_server("vault-1")
    with pytest.raises(NotProvablyEmptyError, match="vault-1 is initialised, and nothing shows"):
        commands_beside(vault, other, first)


def test_server_that_does_not_answer_proves_nothing(vault: ScriptedVault, cluster: InitCluster) -> None:
    cluster.add_server("vault-1")
    with pytest.raises(NotProvablyEmptyError, match="vault-1 can't be asked: Vault is sealed"):
        commands_beside(vault, error(503, "Vault is sealed"))

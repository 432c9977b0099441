"""What the pods of a rolling change are, and what each one's Vault answers."""

from pathlib import Path

import pytest

from components.rollout.pods import ask_pods, expected_servers
from tests.unit.fakes.init_inputs import InitCluster, access, provide_cluster
from tests.unit.fakes.init_runs import at_pod, pods_answer
from tests.unit.fakes.scripted_vault import (
    FOLLOWS,
    LEADER,
    LEADS,
    Answer,
    ScriptedVault,
    error,
    seal_status,
)
from tests.unit.fakes.vault_keys import UNSEALED


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    return provide_cluster(monkeypatch, tmp_path)


def test_pods_that_are_missing_are_among_them_and_surplus_ones_are_not(cluster: InitCluster) -> None:
    cluster.add_server("vault-2")
    cluster.add_server("vault-3")
    found = expected_servers(access(), 3)
    assert [(one.name, bool(one.pod_uid)) for one in found] == [
        ("vault-0", True),
        ("vault-1", False),
        ("vault-2", True),
    ]


def test_each_pod_answers_for_itself(cluster: InitCluster, vault: ScriptedVault) -> None:
    for name in ("vault-1", "vault-2"):
        cluster.add_server(name)
    pods_answer(vault, UNSEALED, seal_status(initialized=True))
    vault.answers(at_pod("vault-0", LEADER), LEADS)
    reach = access(f"{vault.address}/{{pod}}")
    first, sealed, silent, missing = ask_pods(reach, expected_servers(reach, 4))
    assert (first.serves, first.leads, first.problem) == (True, True, "")
    assert (sealed.serves, sealed.leads, sealed.problem) == (False, False, "it is sealed")
    assert not silent.serves
    assert "not in the script" in silent.problem
    assert (missing.serves, missing.problem) == (False, "there is no such pod")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Answer({"data": {}}), ""),
        (error(403, "permission denied"), ""),
        (
            error(500, "local node not active but active cluster node not found"),
            "it has no connection to a leader: local node not active",
        ),
        (
            Answer({}, 307, "http://10.0.0.1:8200/v1/sys/internal/ui/mounts"),
            "it has no connection to a leader",
        ),
    ],
)
def test_standby_has_to_reach_the_leader_that_it_names(
    cluster: InitCluster, vault: ScriptedVault, answer: Answer, problem: str
) -> None:
    assert cluster.objects.get("pod", "vault-0")
    pods_answer(vault, UNSEALED)
    vault.answers(at_pod("vault-0", LEADER), FOLLOWS)
    vault.answers(at_pod("vault-0", "GET /v1/sys/internal/ui/mounts"), answer)
    reach = access(f"{vault.address}/{{pod}}")
    (pod,) = ask_pods(reach, expected_servers(reach, 1))
    assert pod.problem.startswith(problem)
    assert (pod.serves, pod.unsealed, pod.broken) == (problem == "", True, problem != "")

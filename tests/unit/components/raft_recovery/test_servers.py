"""Who is left of a cluster; the recovery itself is tried on real servers."""

from pathlib import Path

import pytest

from components.errors import DeploymentError
from components.raft_recovery.servers import leader_of, lost_quorum
from components.vault.pod_access import PodAccess
from tests.unit.fakes.init_inputs import InitCluster, access
from tests.unit.fakes.scripted_vault import (
    FOLLOWS,
    LEADER,
    LEADS,
    SEAL_STATUS,
    Answer,
    ScriptedVault,
    seal_status,
)
from tests.unit.fakes.three_pods import each_pod_answers, provide_three_pods

SERVES = seal_status(initialized=True, sealed=False, cluster_id="0a1b")
BLANK = seal_status()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """Three pods with claims."""
    return provide_three_pods(monkeypatch, tmp_path / "cluster")


def answers(monkeypatch: pytest.MonkeyPatch, *statuses: Answer | None) -> PodAccess:
    """Has each pod answer that, in their order; None doesn't answer."""
    return each_pod_answers(
        monkeypatch,
        *(
            {
                SEAL_STATUS: status,
                LEADER: Answer({**FOLLOWS.body, "raft_applied_index": 40 + ordinal}),
            }
            if status is not None
            else None
            for ordinal, status in enumerate(statuses)
        ),
    )


@pytest.mark.usefixtures("cluster")
def test_one_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    found = lost_quorum(answers(monkeypatch, BLANK, SERVES, BLANK), 3)
    assert [one.described for one in found.survivors] == ["vault-1 (raft index 41)"]
    assert found.lost == ["vault-0", "vault-2"]


@pytest.mark.usefixtures("cluster")
def test_one_that_is_sealed_tells_no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal_status("shamir", initialized=True)
    found = lost_quorum(answers(monkeypatch, sealed, BLANK, BLANK), 3)
    assert [one.described for one in found.survivors] == ["vault-0 (sealed)"]


@pytest.mark.usefixtures("cluster")
def test_two_of_three_need_no_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeploymentError, match="2 of 3 servers have their data, which is a majority"):
        lost_quorum(answers(monkeypatch, SERVES, SERVES, BLANK), 3)


@pytest.mark.usefixtures("cluster")
def test_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeploymentError, match="restore a snapshot"):
        lost_quorum(answers(monkeypatch, BLANK, BLANK, BLANK), 3)


@pytest.mark.usefixtures("cluster")
def test_pod_that_may_have_data(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeploymentError, match=r"can't be seen \(vault-2: no route\)"):
        lost_quorum(answers(monkeypatch, SERVES, BLANK, None), 3)


def test_pod_without_a_volume_has_none(cluster: InitCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.objects.put("pvc", "data-vault-2", status={"phase": "Pending"})
    assert lost_quorum(answers(monkeypatch, SERVES, BLANK, None), 3).lost == ["vault-1", "vault-2"]


def test_leader(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, SERVES)
    vault.answers(LEADER, FOLLOWS, LEADS)
    assert leader_of(access(vault.address), 3) == "vault-1"
    vault.answers(LEADER, FOLLOWS)
    assert leader_of(access(vault.address), 3) is None
    vault.answers(SEAL_STATUS, BLANK)
    assert leader_of(access(vault.address), 3) is None

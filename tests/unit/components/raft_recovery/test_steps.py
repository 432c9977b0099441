"""What the recovery writes into the survivor, and what it refuses; real servers are recovered elsewhere."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubectlError
from components.raft_recovery.servers import LostQuorum, Survivor
from components.raft_recovery.steps import RecoveryInputs, forget_peers, recover
from components.vault.stateful_set import find_servers
from tests.unit.fakes.init_inputs import InitCluster, access, provide_cluster
from tests.unit.fakes.scripted_vault import (
    FOLLOWS,
    LEADER,
    LEADS,
    SEAL_STATUS,
    Answer,
    ScriptedVault,
    seal_status,
)

NAME = "vault-0 https://vault-0.vault-internal:8201"


class Pods:
    """What is run in the survivor's container."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
        self.answer = answer
        self.written: list[tuple[str, Any]] = []
        self.ran: list[tuple[str, tuple[str, ...]]] = []
        """Each pod, and what a shell was given in it."""
        others = Kubectl.run

        def run(
            kubectl: Kubectl, arguments: Sequence[str], *, stdin: str | None = None, **options: Any
        ) -> str:
            if arguments[0] != "exec":
                return others(kubectl, arguments, stdin=stdin, **options)
            if self.answer == "forbidden":
                raise KubectlError('Error from server (Forbidden): pods "vault-0" is forbidden')
            if stdin is not None:
                self.written.append((arguments[-1], json.loads(stdin)))
            self.ran.append((arguments[1], tuple(arguments[-2:])))
            return self.answer

        monkeypatch.setattr(Kubectl, "run", run)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    return provide_cluster(monkeypatch, tmp_path / "cluster")


def recovered(vault: ScriptedVault, *leaders: Answer, told: Sequence[str] = ("vault-0",)) -> None:
    """Recovers a cluster whose pods answer that about their leader, three of them as the run begins."""
    target = access(vault.address)
    vault.answers(SEAL_STATUS, seal_status(initialized=True, sealed=False, cluster_id="0a1b"))
    # The fourth answer has the survivor's raft index.
    vault.answers(LEADER, *(leaders or (*[FOLLOWS] * 4, LEADS)))
    (server,) = find_servers(target)
    survivors = [Survivor(replace(server, name=name), 41) for name in told]
    found = LostQuorum(survivors, ["vault-1", "vault-2"])
    recover(RecoveryInputs(target, 3, keys=None, step_seconds=0.5), found)


def test_survivor_is_the_only_member_before_it_is_restarted(
    vault: ScriptedVault, cluster: InitCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    pods = Pods(monkeypatch, NAME)
    recovered(vault)
    peer = {"id": "vault-0", "address": "vault-0.vault-internal:8201", "non_voter": False}
    assert pods.written == [("/vault/data/raft/peers.json", [peer])]
    assert cluster.deleted_pods == ["vault-0"]


def test_another_run_has_recovered_it_meanwhile(
    vault: ScriptedVault,
    cluster: InitCluster,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The pods that have joined since would go on as a cluster of their own beside the survivor."""
    pods = Pods(monkeypatch, NAME)
    recovered(vault, LEADS)
    assert (pods.written, cluster.deleted_pods) == ([], [])
    assert "vault-0 leads by now, so nothing was changed" in capfd.readouterr().err


def test_other_pods_have_data_by_now(
    vault: ScriptedVault, cluster: InitCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    pods = Pods(monkeypatch, NAME)
    with pytest.raises(DeploymentError, match=r"are vault-0 by now, and were vault-1\. Nothing was changed"):
        recovered(vault, FOLLOWS, told=["vault-1"])
    assert (pods.written, cluster.deleted_pods) == ([], [])


def test_what_an_interrupted_run_has_left_is_taken_away(
    vault: ScriptedVault,
    cluster: InitCluster,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    pods = Pods(monkeypatch, NAME)
    forget_peers(RecoveryInputs(access(vault.address), 3, keys=None))
    file = "/vault/data/raft/peers.json"
    assert pods.ran == [(f"vault-{ordinal}", ('rm -f "$0" "$0.new"', file)) for ordinal in range(3)]
    assert (cluster.deleted_pods, capfd.readouterr().err) == ([], "")
    pods.answer = "forbidden"
    forget_peers(RecoveryInputs(access(vault.address), 1, keys=None))
    said = capfd.readouterr().err
    assert f"Whether an interrupted recovery has left {file} in vault-0 can't be seen: Error from" in said


@pytest.mark.parametrize(
    ("answer", "message"),
    [("forbidden", "create pods/exec"), ("vault-0", "doesn't have both"), ("", "doesn't have both")],
)
def test_without_its_name_nothing_is_changed(
    vault: ScriptedVault, cluster: InitCluster, monkeypatch: pytest.MonkeyPatch, answer: str, message: str
) -> None:
    pods = Pods(monkeypatch, answer)
    with pytest.raises(DeploymentError, match=message):
        recovered(vault)
    assert (pods.written, cluster.deleted_pods) == ([], [])

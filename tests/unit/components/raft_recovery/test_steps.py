"""What the recovery writes into the survivor, and what it refuses; real servers are recovered elsewhere."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubectlError
from components.raft_recovery.servers import LostQuorum, Survivor
from components.raft_recovery.steps import RecoveryInputs, recover
from components.vault.stateful_set import find_servers
from tests.unit.fakes.init_inputs import InitCluster, access, provide_cluster
from tests.unit.fakes.scripted_vault import LEADER, LEADS, SEAL_STATUS, ScriptedVault, seal_status

NAME = "vault-0 https://vault-0.vault-internal:8201"


class Pods:
    """What is run in the survivor's container."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
        self.answer = answer
        self.written: list[tuple[str, Any]] = []
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
            return self.answer

        monkeypatch.setattr(Kubectl, "run", run)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    return provide_cluster(monkeypatch, tmp_path / "cluster")


def recovered(vault: ScriptedVault) -> None:
    target = access(vault.address)
    vault.answers(SEAL_STATUS, seal_status(initialized=True, sealed=False, cluster_id="0a1b"))
    vault.answers(LEADER, LEADS)
    (server,) = find_servers(target)
    found = LostQuorum([Survivor(server, 41)], ["vault-1", "vault-2"])
    recover(RecoveryInputs(target, 3, keys=None, step_seconds=0.5), found)


def test_survivor_is_the_only_member_before_it_is_restarted(
    vault: ScriptedVault, cluster: InitCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    pods = Pods(monkeypatch, NAME)
    recovered(vault)
    peer = {"id": "vault-0", "address": "vault-0.vault-internal:8201", "non_voter": False}
    assert pods.written == [("/vault/data/raft/peers.json", [peer])]
    assert cluster.deleted_pods == ["vault-0"]


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

"""Pods are replaced one after another, the leader last, and no further than the first that fails."""

from dataclasses import replace
from typing import Any

import pytest

from components.errors import DeploymentError, RetryableError
from components.kubernetes.kubectl import Kubectl, KubectlError
from components.kubernetes.pod_state import PodState
from components.rollout import steps
from components.rollout.steps import PodReplacement, RolloutInputs
from components.vault.answers import RaftPeer, RaftState
from components.vault.client import VaultClient, VaultForbiddenError, VaultRefusedError
from components.vault.stateful_set import StatefulSetError
from tests.unit.fakes.init_inputs import access
from tests.unit.fakes.init_runs import pods_answer
from tests.unit.fakes.rolling_pods import WANTED, RollingPods, outdated_pods, roll, server
from tests.unit.fakes.scripted_vault import ScriptedVault, seal_status

BUDGET = KubectlError("Error from server (TooManyRequests): Cannot evict pod")


@pytest.fixture(autouse=True)
def moments(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod is soon ill, and its log is there."""
    monkeypatch.setattr(steps, "ILL_SECONDS", 0.05)
    monkeypatch.setattr(Kubectl, "log_tail", lambda _, pod, lines: f"{lines} lines of {pod}")


def test_standbys_come_first_and_the_leader_last(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pods = outdated_pods(5, leader=3)
    roll(pods, monkeypatch)
    assert pods.removed == [f"evict vault-{ordinal}" for ordinal in (4, 2, 1, 0, 3)]
    assert pods.most_absent == 1
    said = capsys.readouterr().err
    assert "Replacing vault-4 (1 of 5): image 1.18.1 -> 1.20.4, Vault's configuration\n" in said
    assert "Replacing vault-3 (5 of 5)" in said


def test_pods_that_have_the_settings_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = RollingPods([server(ordinal) for ordinal in range(3)], 0, [])
    roll(pods, monkeypatch)
    assert pods.removed == []


def test_ill_pod_without_a_change_is_the_quorums_business(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = RollingPods([server(0), server(1, ready=False), server(2)], 0, [], broken=lambda _: True)
    roll(pods, monkeypatch)
    assert pods.removed == []


def test_leader_is_looked_for_before_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first replacement another pod leads, as somebody has restarted the leader."""
    pods = outdated_pods(3, leader=1)

    def change_leader(pods: RollingPods) -> None:
        if len(pods.removed) == 1:
            pods.leader = 0

    pods.at_look = change_leader
    roll(pods, monkeypatch)
    assert pods.removed == ["evict vault-2", "evict vault-1", "evict vault-0"]


def test_stopped_run_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pod that a killed run has removed is still starting."""
    pods = outdated_pods(3, leader=1)
    pods.servers[2] = server(2, ready=False)
    roll(pods, monkeypatch)
    assert pods.removed == ["evict vault-0", "evict vault-1"]
    assert pods.most_absent == 1


def test_first_pod_that_fails_ends_it_with_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = outdated_pods(3, leader=1)
    pods.broken = lambda one: one.ordinal == 2
    monkeypatch.setattr(
        steps, "pod_states", lambda _: [PodState("vault-2", "CrashLoopBackOff", started=True)]
    )
    with pytest.raises(DeploymentError) as error:
        roll(pods, monkeypatch)
    assert pods.removed == ["evict vault-2"]
    message = str(error.value)
    assert message.startswith("Vault's pods are no longer replaced: vault-2 isn't ready yet.\n")
    assert "vault-2: CrashLoopBackOff\n" in message
    assert (
        "1 of 3 pods run with the settings of the release; with those from before run vault-0, vault-1."
        in (message)
    )
    assert "set back what was changed, and run pulumi up again" in message
    assert message.endswith("The last log lines of vault-2:\n8 lines of vault-2")


def test_failed_pod_is_the_first_one_once_it_is_outdated_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value was set back: the new pod that never came up has the settings from between."""
    pods = outdated_pods(3, leader=1)
    pods.servers[0] = server(0, outdated=True, ready=False, running=False)
    roll(pods, monkeypatch)
    # It has no part in the cluster, so no disruption budget is asked.
    assert pods.removed == ["delete vault-0", "evict vault-2", "evict vault-1"]


def test_pod_that_may_only_be_slow_is_left_to_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = outdated_pods(3, leader=1)
    pods.servers[0] = server(0, outdated=True, ready=False)
    pods.silent = lambda one: one.pod_uid == "old-0"
    roll(pods, monkeypatch)
    assert pods.removed == ["evict vault-0", "evict vault-2", "evict vault-1"]


def test_new_pod_without_a_connection_to_the_leader_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a network policy that cuts it off: unsealed by its key, ready, and no part of the cluster."""
    pods = outdated_pods(3, leader=1)
    pods.alone = lambda _, one: not one.outdated
    monkeypatch.setattr(steps, "pod_states", lambda _: [])
    with pytest.raises(DeploymentError, match="vault-2: it has no connection to a leader"):
        roll(pods, monkeypatch)
    assert pods.removed == ["evict vault-2"]


def test_cluster_without_a_leader_is_mended_by_the_next_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two new pods are enough for a leader, which all follow then."""
    pods = outdated_pods(3, leader=-1)

    def elect(pods: RollingPods) -> None:
        new = [one.ordinal for one in pods.servers if not one.outdated and one.ready]
        pods.leader = new[0] if len(new) > 1 else -1

    pods.at_look = elect
    pods.alone = lambda pods, _: pods.leader < 0
    roll(pods, monkeypatch, pod_seconds=2)
    assert pods.removed == ["evict vault-2", "evict vault-1", "evict vault-0"]
    assert pods.most_absent == 1


def test_pod_that_stays_in_spite_of_its_removal_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = outdated_pods(3, leader=1)
    asked_for: list[str] = []
    monkeypatch.setattr(pods, "remove", lambda _how, name, _uid: asked_for.append(name))
    with pytest.raises(
        DeploymentError, match="vault-2 can't be replaced: Kubernetes has agreed to remove it"
    ):
        roll(pods, monkeypatch, pod_seconds=0.2)
    assert set(asked_for) == {"vault-2"}


def test_shares_that_vault_does_not_take_end_it_with_the_way_back(
    monkeypatch: pytest.MonkeyPatch, vault: ScriptedVault
) -> None:
    pods = outdated_pods(3, leader=1)
    pods.broken = lambda _: True
    pods_answer(vault, *([seal_status("shamir", initialized=True)] * 3))
    monkeypatch.setattr(steps, "pod_states", lambda _: [])

    def refuse(*_: object) -> None:
        raise VaultRefusedError("root key verification failed")

    monkeypatch.setattr(steps, "give_shares", refuse)
    with pytest.raises(DeploymentError, match="vault-2 doesn't take the shares of this stack") as error:
        roll(pods, monkeypatch, key_shares=["share"], access=access(f"{vault.address}/{{pod}}"))
    assert "set back what was changed" in str(error.value)
    assert pods.removed == ["evict vault-2"]


def test_pod_that_isnt_ready_for_a_moment_keeps_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = outdated_pods(3, leader=1)
    pods.servers[0] = replace(pods.servers[0], ready=False)
    looks = []

    def recover(pods: RollingPods) -> None:
        looks.append(1)
        if len(looks) == 2:
            pods.servers[0] = replace(pods.servers[0], ready=True)

    pods.at_look = recover
    monkeypatch.setattr(steps, "ILL_SECONDS", 10)
    roll(pods, monkeypatch)
    assert pods.removed == ["evict vault-2", "evict vault-0", "evict vault-1"]


def test_budget_is_waited_for_with_a_new_look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = outdated_pods(3, leader=2)
    pods.refusals = [BUDGET]

    def change_leader(pods: RollingPods) -> None:
        if not pods.refusals:
            pods.leader = 1

    pods.at_look = change_leader
    roll(pods, monkeypatch)
    assert pods.removed == ["evict vault-2", "evict vault-0", "evict vault-1"]


def test_budget_that_never_allows_it_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = outdated_pods(3, leader=1)
    pods.refusals = [BUDGET] * 100
    with pytest.raises(DeploymentError, match="its disruption budget forbids it now") as error:
        roll(pods, monkeypatch, pod_seconds=0.2)
    assert "0 of 3 pods run with the settings of the release" in str(error.value)
    assert pods.removed == []


@pytest.mark.parametrize("reason", ["NotFound", "Conflict"])
def test_pod_that_somebody_else_replaced_is_not_replaced_again(
    monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    pods = outdated_pods(3, leader=1)
    pods.refusals = [KubectlError(f"Error from server ({reason}): pods")]

    def others(pods: RollingPods) -> None:
        if pods.refusals == []:
            pods.servers[2] = server(2)

    pods.at_look = others
    roll(pods, monkeypatch)
    assert pods.removed == ["evict vault-0", "evict vault-1"]


def test_api_server_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = outdated_pods(3, leader=1)
    pods.refusals = [KubectlError("The connection to the server localhost was refused")]
    roll(pods, monkeypatch)
    assert len(pods.removed) == 3


def test_missing_right_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = outdated_pods(3, leader=1)
    pods.refusals = [KubectlError("Error from server (Forbidden): pods is forbidden")]
    with pytest.raises(DeploymentError, match="needs the right to create pods/eviction"):
        roll(pods, monkeypatch)


def test_single_pod_is_deleted_as_its_budget_never_allows_an_eviction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pods = outdated_pods(1, leader=0)
    monkeypatch.setattr(pods, "remove", lambda how, name, uid: _remove_alone(pods, how, name, uid))
    roll(pods, monkeypatch)
    assert pods.removed == ["delete vault-0"]


def _remove_alone(pods: RollingPods, how: str, name: str, uid: str) -> None:
    assert uid == pods.servers[0].pod_uid
    pods.removed.append(f"{how} {name}")
    pods.servers[0] = replace(pods.servers[0], terminating=True, ready=False)


def raft(*, voter: bool = True, healthy: bool = True, name: str = "vault-2") -> RaftState:
    peer = RaftPeer(name, f"{name}:8201", leader=False, voter=voter, healthy=healthy)
    return RaftState((peer,), healthy=healthy)


def test_token_shows_a_pod_that_is_no_voter_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    states = [raft(voter=False), raft(healthy=False)]
    monkeypatch.setattr(VaultClient, "raft_state", lambda _: states.pop(0) if states else raft())
    pods = outdated_pods(3, leader=1)
    roll(pods, monkeypatch, token="hvs.reads", access=access("http://127.0.0.1:9/{pod}"))
    assert len(pods.removed) == 3
    assert states == []


def test_nothing_is_replaced_while_a_voter_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VaultClient, "raft_state", lambda _: raft(voter=False))
    pods = outdated_pods(3, leader=1)
    with pytest.raises(DeploymentError, match="raft hasn't vault-2 as healthy voters yet"):
        roll(pods, monkeypatch, token="hvs.reads", access=access("http://127.0.0.1:9/{pod}"), pod_seconds=0.2)
    assert pods.removed == []


def test_peer_that_is_gone_for_good_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VaultClient, "raft_state", lambda _: raft(name="vault-4"))
    pods = outdated_pods(3, leader=1)
    with pytest.raises(DeploymentError, match="vault operator raft remove-peer vault-4"):
        roll(pods, monkeypatch, token="hvs.reads", access=access("http://127.0.0.1:9/{pod}"), pod_seconds=0.2)


def test_token_without_that_right_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: VaultClient) -> RaftState:
        raise VaultForbiddenError("permission denied")

    monkeypatch.setattr(VaultClient, "raft_state", forbidden)
    pods = outdated_pods(3, leader=1)
    roll(pods, monkeypatch, token="hvs.reads", access=access("http://127.0.0.1:9/{pod}"))
    assert len(pods.removed) == 3


def test_controller_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = outdated_pods(3, leader=1)
    pods.provide(monkeypatch)
    calls = []

    def busy(access: Any, replicas: int) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise StatefulSetError("Kubernetes hasn't taken over the last change")
        return pods.look(access, replicas)

    monkeypatch.setattr(steps, "expected_servers", busy)
    PodReplacement(RolloutInputs(access(), 3, WANTED, 0.6, "")).run()
    assert len(pods.removed) == 3


def test_error_is_one_that_a_person_fixes() -> None:
    assert not issubclass(DeploymentError, RetryableError)


def test_pod_that_cannot_unseal_itself_gets_the_shares(
    monkeypatch: pytest.MonkeyPatch, vault: ScriptedVault
) -> None:
    """The pod of a killed run waits for them, and so does each one after it."""
    pods = outdated_pods(3, leader=1)
    given: list[str] = []
    pods.broken = lambda one: one.name not in given
    pods_answer(vault, *([seal_status("shamir", initialized=True)] * 3))

    def give(client: VaultClient, shares: object, _waiting: object) -> None:
        assert shares == ["share-1", "share-2"]
        given.append(client.address.rpartition("/")[2])

    monkeypatch.setattr(steps, "give_shares", give)
    roll(
        pods,
        monkeypatch,
        key_shares=["share-1", "share-2"],
        access=access(f"{vault.address}/{{pod}}"),
        # Vault is asked over the network here, which a busy machine may take its time for.
        pod_seconds=60,
    )
    assert list(dict.fromkeys(given)) == ["vault-2", "vault-0", "vault-1"]
    assert pods.removed == ["evict vault-2", "evict vault-0", "evict vault-1"]


def test_pod_that_has_not_joined_takes_no_shares(
    monkeypatch: pytest.MonkeyPatch, vault: ScriptedVault
) -> None:
    pods = outdated_pods(3, leader=1)
    pods.broken = lambda _: True
    pods_answer(vault, *([seal_status("shamir")] * 3))
    monkeypatch.setattr(steps, "give_shares", lambda *_: pytest.fail("it takes none"))
    monkeypatch.setattr(steps, "pod_states", lambda _: [])
    with pytest.raises(DeploymentError, match="vault-2 isn't ready yet"):
        roll(pods, monkeypatch, key_shares=["share"], access=access(f"{vault.address}/{{pod}}"))

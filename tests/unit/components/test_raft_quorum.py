"""The resource that verifies the quorum: what it waits for, and what it says where it doesn't come."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.raft_quorum import RaftQuorumProvider
from tests.unit.fakes.init_inputs import (
    InitCluster,
    provide_cluster,
    provide_kubectl,
    quorum_inputs,
)
from tests.unit.fakes.scripted_vault import (
    AUTOPILOT_STATE,
    ROOT_TOKEN,
    SEAL_STATUS,
    Answer,
    ScriptedVault,
    error,
    seal_status,
)

CLUSTER = "7d0f"
UNSEALED = seal_status("awskms", initialized=True, sealed=False, cluster_id=CLUSTER)
PODS = ("vault-0", "vault-1", "vault-2")
STATE = f"GET /vault-0{AUTOPILOT_STATE.removeprefix('GET ')}"
"""Raft's state as pod 0 has it; the others aren't asked for it."""


def pods(vault: ScriptedVault) -> str:
    """The pods' address, by which the scripted Vault knows which of them is asked."""
    return f"{vault.address}/{{pod}}"


def status_of(pod: str) -> str:
    """The call for the seal status of one pod."""
    return f"GET /{pod}{SEAL_STATUS.removeprefix('GET ')}"


def every_pod_is(vault: ScriptedVault, *answers: Answer) -> None:
    """Sets the seal status of each pod."""
    for pod in PODS:
        vault.answers(status_of(pod), *answers)


def autopilot(
    *,
    members: tuple[str, ...] = PODS,
    voters: tuple[str, ...] = PODS,
    leader: str = "vault-0",
    ill: tuple[str, ...] = (),
) -> Answer:
    servers = {
        name: {"id": name, "address": f"{name}.vault-internal:8201", "healthy": name not in ill}
        for name in members
    }
    return Answer(
        {"data": {"healthy": not ill, "leader": leader, "voters": list(voters), "servers": servers}}
    )


def peer(name: str) -> dict[str, Any]:
    return {
        "node_id": name,
        "address": f"{name}.vault-internal:8201",
        "leader": name == "vault-0",
        "voter": True,
        "healthy": True,
    }


VERIFIED: Mapping[str, Any] = {
    "peers": [peer(name) for name in PODS],
    "cluster_id": CLUSTER,
    "vault_version": "1.18.1",
}


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """The cluster that the journal lies in."""
    return provide_cluster(monkeypatch, tmp_path)


def test_create_verifies(vault: ScriptedVault) -> None:
    every_pod_is(vault, UNSEALED)
    vault.answers(STATE, autopilot())
    result = RaftQuorumProvider().create(quorum_inputs(pods(vault)))
    assert result.id == "secrets/vault"
    assert result.outs == {**quorum_inputs(pods(vault)), **VERIFIED}
    assert {request.token for request in vault.asked(STATE)} == {ROOT_TOKEN}
    assert [len(vault.asked(status_of(pod))) for pod in PODS] == [1, 1, 1]


def test_create_waits_for_each_step(vault: ScriptedVault) -> None:
    every_pod_is(vault, UNSEALED)
    vault.answers(
        status_of("vault-0"),
        error(500, "no seal configuration found"),
        seal_status("awskms"),
        UNSEALED,
    )
    vault.answers(
        STATE,
        error(503, "standby"),
        error(404),
        Answer({"data": {"servers": None}}),
        autopilot(members=("vault-0",), voters=("vault-0",)),
        autopilot(voters=("vault-0",)),
        autopilot(leader=""),
        autopilot(ill=("vault-2",)),
        autopilot(),
    )
    result = RaftQuorumProvider().create(quorum_inputs(pods(vault), quorum_seconds=20))
    assert result.outs is not None
    assert result.outs["peers"] == VERIFIED["peers"]
    assert len(vault.asked(STATE)) == 8


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (autopilot(members=("vault-0",), voters=("vault-0",)), "vault-1, vault-2 not joined yet"),
        (autopilot(voters=("vault-0", "vault-1")), "vault-2 not a voter yet"),
        (autopilot(leader=""), "there is no leader"),
        (autopilot(ill=("vault-1",)), "autopilot finds vault-1 unhealthy"),
        (
            autopilot(members=(*PODS, "vault-3", "vault-4"), voters=(*PODS, "vault-3", "vault-4")),
            "vault-3, vault-4 still a raft peer though the release has 3 replicas; "
            "remove it with vault operator raft remove-peer",
        ),
    ],
)
def test_what_is_missing_at_the_deadline(vault: ScriptedVault, state: Answer, reason: str) -> None:
    every_pod_is(vault, UNSEALED)
    vault.answers(STATE, state)
    with pytest.raises(DeploymentError) as raised:
        RaftQuorumProvider().create(quorum_inputs(pods(vault), quorum_seconds=0.3))
    first, *rest = str(raised.value).splitlines()
    assert first == f"Vault has no quorum of 3: {reason}. Its keys are safe in the stack's state."
    assert rest == [f"{name}: unsealed" for name in PODS]


def test_sealed_pod(vault: ScriptedVault) -> None:
    every_pod_is(vault, seal_status("awskms", initialized=True))
    with pytest.raises(DeploymentError) as raised:
        RaftQuorumProvider().create(quorum_inputs(pods(vault), quorum_seconds=0.3))
    assert "no quorum of 3: vault-0 is sealed" in str(raised.value)
    assert "vault-2: sealed" in str(raised.value)


@pytest.mark.parametrize("sealed", ["vault-1", "vault-2"])
def test_pod_that_is_sealed_while_autopilot_finds_it_healthy(vault: ScriptedVault, sealed: str) -> None:
    vault.answers(STATE, autopilot())
    every_pod_is(vault, UNSEALED)
    vault.answers(status_of(sealed), seal_status("awskms", initialized=True))
    with pytest.raises(DeploymentError) as raised:
        RaftQuorumProvider().create(quorum_inputs(pods(vault), quorum_seconds=0))
    first, *rest = str(raised.value).splitlines()
    assert first.startswith(f"Vault has no quorum of 3: {sealed} is sealed.")
    assert rest == [f"{pod}: {'sealed' if pod == sealed else 'unsealed'}" for pod in PODS]


@pytest.mark.parametrize("apart", ["vault-1", "vault-2"])
def test_pod_that_was_initialised_apart(vault: ScriptedVault, apart: str) -> None:
    elsewhere = seal_status("awskms", initialized=True, sealed=False, cluster_id="e150")
    vault.answers(STATE, autopilot())
    every_pod_is(vault, UNSEALED)
    vault.answers(status_of(apart), elsewhere)
    message = rf"{apart} belongs to another cluster \(e150\) than vault-0 \(7d0f\)"
    with pytest.raises(DeploymentError, match=message):
        # The deadline is over at once, so the first look is the last.
        RaftQuorumProvider().create(quorum_inputs(pods(vault), quorum_seconds=0))


def test_pods_that_cannot_be_reached_are_listed() -> None:
    with pytest.raises(DeploymentError) as raised:
        RaftQuorumProvider().create(quorum_inputs(quorum_seconds=0.3))
    unreachable = "no answer from Vault: ConnectionError"
    assert str(raised.value).splitlines() == [
        f"Vault has no quorum of 3: {unreachable}. Its keys are safe in the stack's state.",
        *(f"{name}: {unreachable}" for name in PODS),
    ]


def test_log_of_pods_that_are_not_unsealed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_kubectl(
        monkeypatch,
        tmp_path,
        'case "$*" in *" logs "*) echo one; echo two;; *) echo "pod is not running" >&2; exit 1;; esac',
    )
    with pytest.raises(DeploymentError) as raised:
        RaftQuorumProvider().create(quorum_inputs(address="", quorum_seconds=0.2))
    assert str(raised.value).splitlines()[1:4] == ["vault-0: pod is not running", "    one", "    two"]


def test_token_that_may_not_read_the_state_is_no_reason_to_wait(vault: ScriptedVault) -> None:
    every_pod_is(vault, UNSEALED)
    vault.answers(STATE, error(403, "permission denied"))
    with pytest.raises(DeploymentError) as raised:
        RaftQuorumProvider().create(quorum_inputs(pods(vault), quorum_seconds=20))
    assert "doesn't let the token read raft's state: permission denied" in str(raised.value)
    assert "read on sys/storage/raft/autopilot/state" in str(raised.value)
    assert ROOT_TOKEN not in str(raised.value)
    assert len(vault.asked(STATE)) == 1


def test_update_verifies_again(vault: ScriptedVault) -> None:
    every_pod_is(vault, UNSEALED)
    vault.answers(STATE, autopilot())
    news = quorum_inputs(pods(vault), release_revision=2)
    result = RaftQuorumProvider().update("id", {**quorum_inputs(pods(vault)), "peers": []}, news)
    assert result.outs == {**news, **VERIFIED}


def test_read_answers_what_is_there_now(vault: ScriptedVault) -> None:
    every_pod_is(vault, UNSEALED)
    vault.answers(STATE, autopilot(ill=("vault-1",)))
    result = RaftQuorumProvider().read("id", {**quorum_inputs(pods(vault)), **VERIFIED})
    assert result.id == "id"
    assert result.outs is not None
    assert [entry["healthy"] for entry in result.outs["peers"]] == [True, False, True]
    assert {name: result.outs[name] for name in quorum_inputs()} == quorum_inputs(pods(vault))


@pytest.mark.parametrize("answer", [error(503), error(403), seal_status(initialized=True)])
def test_read_loses_nothing_where_vault_cannot_be_asked(
    vault: ScriptedVault, answer: Answer, capfd: pytest.CaptureFixture[str]
) -> None:
    every_pod_is(vault, answer)
    known = {**quorum_inputs(pods(vault)), **VERIFIED}
    assert RaftQuorumProvider().read("secrets/vault", known).outs == known
    said = capfd.readouterr().err
    assert "those of the last update are kept" in said
    assert ROOT_TOKEN not in said


@pytest.mark.parametrize(
    ("changed", "changes"),
    [({}, False), ({"release_revision": 2}, True), ({"token": "hvs.other"}, True), ({"replicas": 5}, True)],
)
def test_diff_compares_the_inputs_and_never_replaces(changed: Mapping[str, Any], changes: bool) -> None:
    olds = {**quorum_inputs(), **VERIFIED, "__provider": "a reference"}
    result = RaftQuorumProvider().diff(
        "id", olds, {**quorum_inputs(), "__provider": "a reference", **changed}
    )
    assert result.changes is changes
    assert not result.replaces
    assert result.delete_before_replace is False


def test_fewer_replicas_are_refused_while_their_peers_belong_to_raft(vault: ScriptedVault) -> None:
    vault.answers(STATE, autopilot())
    result = RaftQuorumProvider().check(quorum_inputs(pods(vault)), quorum_inputs(pods(vault), replicas=1))
    (failure,) = result.failures
    assert failure.property == "replicas"
    assert failure.reason.startswith("vault-1, vault-2 would be deleted and still belong to raft")
    assert "vault operator raft remove-peer" in failure.reason


def test_fewer_replicas_are_refused_where_raft_cannot_be_asked() -> None:
    result = RaftQuorumProvider().check(quorum_inputs(), quorum_inputs(replicas=1))
    (failure,) = result.failures
    assert failure.reason.startswith("raft can't be asked whether 1 pods are enough: ")


def test_fewer_replicas_are_taken_once_their_peers_are_removed(vault: ScriptedVault) -> None:
    vault.answers(STATE, autopilot(members=("vault-0",), voters=("vault-0",)))
    assert (
        RaftQuorumProvider()
        .check(quorum_inputs(pods(vault)), quorum_inputs(pods(vault), replicas=1))
        .failures
        == []
    )


@pytest.mark.parametrize("olds", [{}, quorum_inputs()], ids=["at the creation", "at an update"])
def test_check_asks_nobody_where_there_are_not_fewer_replicas(
    vault: ScriptedVault, olds: dict[str, Any]
) -> None:
    news = quorum_inputs(pods(vault), replicas=5)
    result = RaftQuorumProvider().check(olds, news)
    assert (result.inputs, result.failures) == (news, [])
    assert vault.requests == []

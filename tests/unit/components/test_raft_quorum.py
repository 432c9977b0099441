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
from tests.unit.fakes.kubernetes_objects import KubernetesObjects
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
        # That of the objects which has no status yet.
        f"vault-0: {unreachable}; Pending",
        *(f"{name}: {unreachable}" for name in PODS[1:]),
    ]


def test_log_of_pods_that_are_not_unsealed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each pod is told with its own reason; one that has never run has no log."""
    objects = KubernetesObjects(tmp_path / "pods")
    objects.put("statefulset", "vault", spec={"replicas": 3})
    objects.put(
        "pod",
        "vault-0",
        status={"containerStatuses": [{"name": "vault", "ready": False, "state": {"running": {}}}]},
    )
    unbound = {"type": "PodScheduled", "status": "False", "message": "unbound claims"}
    objects.put("pod", "vault-1", status={"conditions": [unbound]})
    provide_kubectl(
        monkeypatch,
        tmp_path,
        'case "$*" in *" logs "*) echo one; echo two;; *" port-forward "*) echo "no way" >&2; exit 1;; '
        f"*) {objects.script};; esac",
    )
    with pytest.raises(DeploymentError) as raised:
        RaftQuorumProvider().create(quorum_inputs(address="", quorum_seconds=0.2))
    assert str(raised.value).splitlines()[1:] == [
        "vault-0: no way",
        "    one",
        "    two",
        "vault-1: not scheduled: unbound claims",
        "vault-2: not created yet",
    ]

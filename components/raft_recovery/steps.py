"""Makes the survivors a cluster of their own, into which the lost servers come back blank.

Raft reads `peers.json` when it starts, takes it as its members and deletes it (raft.go, `SetupCluster`; the
document "Manual recovery using peers.json" of Vault's integrated storage).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from components.custody.key_record import KeyRecord
from components.errors import DeploymentError, RetryableError
from components.kubernetes.kubectl import KubectlError
from components.kubernetes.lease import RunLease
from components.progress import Waiting, say
from components.raft_recovery.servers import LostQuorum, Survivor, leader_of, lost_quorum
from components.shares.unseal import StillSealedError, give_shares
from components.vault.client import VaultForbiddenError, VaultRefusedError
from components.vault.configuration import DATA_PATH
from components.vault.diagnostics import with_pod_problems
from components.vault.pod_access import PodAccess
from components.vault.servers import observe_leadership, require_one_cluster, require_one_leader
from components.vault.stateful_set import delete_pod

Result = TypeVar("Result")

DOCUMENT = "docs/snapshots.md#a-majority-is-lost"
PEERS_FILE = f"{DATA_PATH}/raft/peers.json"
_CONTAINER = "vault"
_ANOTHER_RUN_SECONDS = 60
_STEP_SECONDS = 300.0
_ASK_NAME = 'echo "$VAULT_RAFT_NODE_ID" "$VAULT_CLUSTER_ADDR"'
# Raft must never read half of it.
_REPLACE = 'cat > "$0.new" && mv "$0.new" "$0"'
_FORGET = 'rm -f "$0" "$0.new"'


@dataclass(frozen=True)
class RecoveryInputs:
    """The cluster to recover."""

    access: PodAccess
    replicas: int
    keys: KeyRecord | None = field(repr=False)
    """Its key shares, which Shamir's seal needs; None if this stack has none."""
    tokens: Sequence[str] = field(default=(), repr=False)
    """Tokens that may be allowed to read raft's state."""
    step_seconds: float = _STEP_SECONDS


@dataclass(frozen=True)
class _Peer:
    node_id: str
    address: str


def recover(inputs: RecoveryInputs, found: LostQuorum) -> None:
    """Restart the survivors as the only members of raft, and wait until one of them leads.

    ``found`` is what the person who agreed to it was told. Raises :class:`DeploymentError`; it can be run
    again from any point.
    """
    access = inputs.access
    lease = RunLease(access.target, access.statefulset)
    with lease.held(_ANOTHER_RUN_SECONDS):
        # Another run may have recovered it meanwhile: what has joined since would be a second cluster.
        if (leader := leader_of(access, inputs.replicas)) is not None:
            say(f"{leader} leads by now, so nothing was changed")
            return
        told, found = found, lost_quorum(access, inputs.replicas)
        if _names(found) != _names(told):
            raise DeploymentError(
                f"The pods that have Vault's data are {_names(found)} by now, and were {_names(told)}. "
                "Nothing was changed. Run it again."
            )
        peers = [_peer(access, survivor.server.name) for survivor in found.survivors]
        for survivor in found.survivors:
            lease.check()
            _write_peers(access, survivor, peers)
        for survivor in found.survivors:
            say(f"Restarting {survivor.server.name}, for which raft consists of {_names(found)} now")
            try:
                delete_pod(access, survivor.server)
            except KubectlError as error:
                raise DeploymentError(
                    f"{survivor.server.name} can't be restarted: {error}\nRun it again."
                ) from None
        _await_leader(inputs)


def forget_peers(inputs: RecoveryInputs) -> None:
    """Take away what an interrupted recovery has left in the pods of a cluster that has a leader.

    The lost servers came back after all, and at its next start each survivor would leave them for a cluster
    of its own. Raises :class:`DeploymentError` while another run recovers it.
    """
    access = inputs.access
    with RunLease(access.target, access.statefulset).held(_ANOTHER_RUN_SECONDS):
        for ordinal in range(inputs.replicas):
            pod = access.pod(ordinal)
            try:
                access.kubectl.run(
                    ["exec", pod, f"--container={_CONTAINER}", "--", "sh", "-c", _FORGET, PEERS_FILE]
                )
            except KubectlError as error:
                say(
                    f"Whether an interrupted recovery has left {PEERS_FILE} in {pod} can't be seen: {error}\n"
                    "With that file the pod would leave the others at its next start: delete it if it is "
                    "there."
                )


def await_voters(inputs: RecoveryInputs) -> None:
    """Wait until every pod has joined; raise :class:`DeploymentError` with the reasons if one doesn't."""
    waiting = Waiting(f"Waiting for {inputs.replicas} servers", inputs.step_seconds)

    def attempt() -> None:
        _unseal(inputs, waiting)
        found = observe_leadership(inputs.access, inputs.replicas)
        require_one_cluster(found.statuses)
        require_one_leader(found.leaders)
        _require_voters(inputs)

    _until(inputs, waiting, attempt, "Vault serves again, and not every pod has joined it yet")


def _peer(access: PodAccess, pod: str) -> _Peer:
    """Return a server as raft knows it, from the environment of its container."""
    try:
        answer = access.kubectl.run(
            ["exec", pod, f"--container={_CONTAINER}", "--", "sh", "-c", _ASK_NAME]
        ).split()
    except KubectlError as error:
        raise DeploymentError(
            f"{pod} can't be asked for its name in raft: {error}\nNothing was changed. It needs the right to "
            "create pods/exec, and the pod has to run."
        ) from None
    if len(answer) != 2:
        raise DeploymentError(
            f"The container of {pod} doesn't have both VAULT_RAFT_NODE_ID and VAULT_CLUSTER_ADDR, so its "
            f"name in raft isn't known. Nothing was changed: write {PEERS_FILE} by hand ({DOCUMENT})."
        )
    node_id, address = answer
    return _Peer(node_id, address.partition("://")[2])


def _write_peers(access: PodAccess, survivor: Survivor, peers: Sequence[_Peer]) -> None:
    content = json.dumps(
        [{"id": peer.node_id, "address": peer.address, "non_voter": False} for peer in peers]
    )
    pod = survivor.server.name
    try:
        access.kubectl.run(
            ["exec", "--stdin", pod, f"--container={_CONTAINER}", "--", "sh", "-c", _REPLACE, PEERS_FILE],
            stdin=content,
        )
    except KubectlError as error:
        raise DeploymentError(f"{PEERS_FILE} can't be written in {pod}: {error}\nRun it again.") from None


def _await_leader(inputs: RecoveryInputs) -> None:
    waiting = Waiting("Waiting for a leader", inputs.step_seconds)

    def attempt() -> str:
        _unseal(inputs, waiting)
        leader = leader_of(inputs.access, inputs.replicas)
        if leader is None:
            raise RetryableError("no pod leads yet")
        return leader

    leader = _until(inputs, waiting, attempt, "The survivors don't lead yet")
    say(f"{leader} leads; the other pods join it with empty volumes")


def _require_voters(inputs: RecoveryInputs) -> None:
    """Raise unless raft has all servers as voters, as far as a token may see that."""
    with inputs.access.reach(0) as client:
        for token in filter(None, inputs.tokens):
            try:
                state = client.with_token(token).raft_state()
            except VaultForbiddenError:
                continue
            voters = sum(peer.voter and peer.healthy for peer in state.peers)
            if not state.healthy or voters != inputs.replicas or len(state.peers) != inputs.replicas:
                raise RetryableError(f"raft has {voters} healthy voters instead of {inputs.replicas}")
            return


def _unseal(inputs: RecoveryInputs, waiting: Waiting) -> None:
    """Give the key shares of Shamir's seal to every sealed pod that has data, or has begun to join."""
    keys = inputs.keys
    if keys is None or not keys.key_shares or keys.shares_encrypted:
        return
    for ordinal in range(inputs.replicas):
        try:
            with inputs.access.reach(ordinal) as client:
                status = client.seal_status()
                if status.sealed and status.initialized:
                    give_shares(client, keys.key_shares[: keys.threshold], waiting)
        except StillSealedError:
            raise
        except RetryableError:
            # One that isn't there yet; the next may be.
            continue
        except VaultRefusedError as error:
            raise DeploymentError(
                f"{inputs.access.pod(ordinal)} doesn't take the shares of this stack: {error}\nUnseal it "
                "with those that are valid, and run it again."
            ) from None


def _until(inputs: RecoveryInputs, waiting: Waiting, attempt: Callable[[], Result], what: str) -> Result:
    return waiting.until(
        attempt,
        RetryableError,
        state=lambda error: with_pod_problems(inputs.access, str(error), "; "),
        timeout_message=lambda error: (
            f"{with_pod_problems(inputs.access, f'{what}: {error}')}\nA pod that waits for shares has to be "
            f"unsealed; otherwise its log says what is missing ({DOCUMENT}). Then run it again."
        ),
        pause_seconds=0.5,
    )


def _names(found: LostQuorum) -> str:
    return ", ".join(survivor.server.name for survivor in found.survivors)

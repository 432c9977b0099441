"""Tells the servers that still have Vault's data from those whose volumes are lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.errors import DeploymentError, RetryableError
from components.vault.client import VaultRefusedError
from components.vault.pod_access import PodAccess
from components.vault.stateful_set import ObservedServer, Server, ask_servers, find_servers


@dataclass(frozen=True)
class Survivor:
    """A server with Vault's data."""

    server: Server
    applied_index: int | None
    """Last entry of raft's log that it has applied; None if it is sealed, and can't tell."""

    @property
    def described(self) -> str:
        """The server and how far it has come, for messages."""
        index = f"raft index {self.applied_index}" if self.applied_index is not None else "sealed"
        return f"{self.server.name} ({index})"


class MajorityLeftError(DeploymentError):
    """Tells that most servers have their data, so that raft may elect a leader by itself."""


@dataclass(frozen=True)
class LostQuorum:
    """The servers of a cluster in which no majority is left."""

    survivors: Sequence[Survivor]
    lost: Sequence[str]
    """Names of the pods whose volumes hold nothing any more."""


def leader_of(access: PodAccess, replicas: int) -> str | None:
    """Return the pod that leads, as another one or itself proves; None if none does."""
    for ordinal in range(replicas):
        try:
            with access.reach(ordinal) as client:
                if client.seal_status().initialized and client.leader().is_self:
                    return access.pod(ordinal)
        except (RetryableError, VaultRefusedError):
            continue
    return None


def lost_quorum(access: PodAccess, replicas: int) -> LostQuorum:
    """Return who is left; raise :class:`DeploymentError` unless most servers are known to be blank.

    It is a :class:`MajorityLeftError` if most have their data. One that can't be asked may have data, with
    which it would go on beside the recovered ones.
    """
    observed = ask_servers(access, find_servers(access))
    silent = [f"{one.server.name}: {one.problem}" for one in observed if _may_have_data(one)]
    if silent:
        raise DeploymentError(
            f"Whether there is data of Vault on every volume can't be seen ({'; '.join(silent)}), so nothing "
            "was changed. If such a pod can run again, let it: it may bring the majority back. If its volume "
            "is lost, delete the claim and the pod, so that both are made anew."
        )
    survivors = [Survivor(one.server, _applied_index(access, one)) for one in observed if one.initialized]
    majority = replicas // 2 + 1
    if not survivors:
        raise DeploymentError(
            "No pod has data of Vault, so there is nothing to go on with: restore a snapshot (python -m "
            "components restore)."
        )
    if len(survivors) >= majority:
        raise MajorityLeftError(
            f"{len(survivors)} of {replicas} servers have their data, which is a majority: raft elects a "
            "leader by itself as soon as they are unsealed and reach each other. Nothing was changed. Their "
            "logs say what is missing (kubectl logs). A pod with a new volume that had begun to join, and "
            "waits for shares, counts as one with data: delete that pod, and run it again."
        )
    surviving = {one.server.ordinal for one in survivors}
    return LostQuorum(
        survivors, [access.pod(ordinal) for ordinal in range(replicas) if ordinal not in surviving]
    )


def _may_have_data(server: ObservedServer) -> bool:
    return server.status is None and server.server.data_since is not None


def _applied_index(access: PodAccess, server: ObservedServer) -> int | None:
    if server.status is None or server.status.sealed:
        return None
    try:
        with access.reach(server.server.ordinal) as client:
            return client.leader().raft_applied_index
    except (RetryableError, VaultRefusedError):
        return None

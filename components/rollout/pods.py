"""Observes Vault's pods while they are replaced."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from components.vault.answers import Leader, SealStatus
from components.vault.client import VaultRefusedError, VaultUnavailableError
from components.vault.pod_access import PodAccess, PodUnreachableError
from components.vault.stateful_set import Server, find_pods


@dataclass(frozen=True)
class RolloutPod:
    """One pod that the release should have, and what its Vault has answered."""

    server: Server
    status: SealStatus | None
    """None if it can't be asked."""
    leader: Leader | None
    """None if it can't be asked, or is sealed."""
    problem: str
    """Why it doesn't serve; empty if it does."""

    @property
    def name(self) -> str:
        """Name of the pod."""
        return self.server.name

    @property
    def leads(self) -> bool:
        """Whether the pod leads the cluster."""
        return self.leader is not None and self.leader.is_self

    @property
    def serves(self) -> bool:
        """Whether its Vault is unsealed, and leads or reaches the leader."""
        return not self.problem

    @property
    def unsealed(self) -> bool:
        """Whether its Vault answers that it is unsealed, whatever it reaches."""
        return self.status is not None and not self.status.sealed

    @property
    def blank(self) -> bool:
        """Whether its Vault answers that there is nothing on its volume."""
        return self.status is not None and not self.status.initialized

    @property
    def broken(self) -> bool:
        """Whether Vault or Kubernetes says that it serves nobody: not only that it is out of our reach."""
        return not self.serves and (self.status is not None or not self.server.ready)

    @property
    def dead(self) -> bool:
        """Whether it is certain that it has no part in the cluster, so that nothing is lost with it."""
        return not self.server.running or (self.status is not None and self.status.sealed)


def expected_servers(access: PodAccess, replicas: int) -> Sequence[Server]:
    """Return the server of each ordinal below ``replicas``, those without a pod among them.

    Pods beyond are about to be deleted by their controller. Raises :class:`StatefulSetError`.
    """
    found = {server.ordinal: server for server in find_pods(access)}
    return [found.get(ordinal) or Server.absent(access, ordinal) for ordinal in range(replicas)]


def ask_pods(access: PodAccess, servers: Sequence[Server]) -> Sequence[RolloutPod]:
    """Return what each server's Vault answers, each asked through its own pod."""
    with ThreadPoolExecutor(max_workers=max(1, len(servers))) as pool:
        return list(pool.map(lambda server: _asked(access, server), servers))


def _asked(access: PodAccess, server: Server) -> RolloutPod:
    if not server.pod_uid:
        return RolloutPod(server, None, None, "there is no such pod")
    status: SealStatus | None = None
    try:
        with access.reach(server.ordinal) as client:
            status = client.seal_status()
            if status.sealed:
                return RolloutPod(server, status, None, "it is sealed")
            return RolloutPod(server, status, client.proven_leader(), "")
    except VaultUnavailableError as error:
        reached = "it has no connection to a leader: " if status is not None else ""
        return RolloutPod(server, status, None, f"{reached}{error}")
    except (PodUnreachableError, VaultRefusedError) as error:
        return RolloutPod(server, None, None, str(error))

"""Observes Vault's pods while they are replaced."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from components.vault.client import Leader, SealStatus, VaultRefusedError, VaultUnavailableError
from components.vault.pod_access import PodAccess, PodUnreachableError
from components.vault.stateful_set import Server, find_servers


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
        """Whether its Vault is unsealed and answers."""
        return not self.problem


def expected_servers(access: PodAccess, replicas: int) -> Sequence[Server]:
    """Return the server of each ordinal below ``replicas``, those without a pod among them.

    Pods beyond are about to be deleted by their controller. Raises :class:`StatefulSetError`.
    """
    found = {server.ordinal: server for server in find_servers(access)}
    return [found.get(ordinal) or _absent(access, ordinal) for ordinal in range(replicas)]


def ask_pods(access: PodAccess, servers: Sequence[Server]) -> Sequence[RolloutPod]:
    """Return what each server's Vault answers, each asked through its own pod."""
    with ThreadPoolExecutor(max_workers=max(1, len(servers))) as pool:
        return list(pool.map(lambda server: _asked(access, server), servers))


def _absent(access: PodAccess, ordinal: int) -> Server:
    return Server(
        ordinal=ordinal,
        name=access.pod(ordinal),
        pod_uid="",
        outdated=False,
        created=None,
        terminating=False,
        claim="",
        data_since=None,
    )


def _asked(access: PodAccess, server: Server) -> RolloutPod:
    if not server.pod_uid:
        return RolloutPod(server, None, None, "there is no such pod")
    try:
        with access.reach(server.ordinal) as client:
            status = client.seal_status()
            if status.sealed:
                return RolloutPod(server, status, None, "it is sealed")
            return RolloutPod(server, status, client.leader(), "")
    except (PodUnreachableError, VaultUnavailableError, VaultRefusedError) as error:
        return RolloutPod(server, None, None, str(error))

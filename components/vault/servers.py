"""Verifies a cluster without a token: every pod is unsealed and follows one leader.

Vault reports which servers are voters only to a token (`sys/storage/raft/autopilot/state`).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from components.errors import RetryableError
from components.vault.client import Leader, SealStatus, VaultClient
from components.vault.pod_access import PodAccess

# A healthy follower is at most some entries behind; autopilot's own limit is 1000
# (max_trailing_logs, Vault's document on integrated storage).
MAX_TRAILING_ENTRIES = 1000


class NoCommonLeaderError(RetryableError):
    """A pod is sealed, follows no leader or another one, or is far behind; the message says which."""


@dataclass(frozen=True)
class Leadership:
    """Each pod's seal status and leader, in the order of the pods."""

    pods: Sequence[str]
    statuses: Sequence[SealStatus]
    leaders: Sequence[Leader]

    def to_properties(self) -> list[dict[str, Any]]:
        """Return the peer table of the stack's outputs; values that need a token are None."""
        return [
            {"node_id": pod, "address": "", "leader": leader.is_self, "voter": None, "healthy": None}
            for pod, leader in zip(self.pods, self.leaders, strict=True)
        ]


def observe_leadership(access: PodAccess, replicas: int) -> Leadership:
    """Ask every pod for its status and leader; raise if one can't be reached or asked."""
    with ThreadPoolExecutor(max_workers=replicas) as pool:
        answers = list(pool.map(lambda ordinal: _observed(access, ordinal), range(replicas)))
    return Leadership(
        pods=[access.pod(ordinal) for ordinal in range(replicas)],
        statuses=[status for status, _ in answers],
        leaders=[leader for _, leader in answers],
    )


def observe_single_server(client: VaultClient, access: PodAccess) -> Leadership:
    """Ask the one pod of a Vault without high availability, which reports no leader."""
    status = client.seal_status()
    if status.sealed:
        raise NoCommonLeaderError(f"{access.pod(0)} is sealed")
    # Without HA, Vault reports no leader; this server is the active one.
    leader = replace(client.leader(), is_self=True)
    return Leadership(pods=[access.pod(0)], statuses=[status], leaders=[leader])


def require_common_leader(found: Leadership) -> None:
    """Raise :class:`NoCommonLeaderError` unless all pods are one cluster with one leader."""
    by_pod: Mapping[str, SealStatus] = dict(zip(found.pods, found.statuses, strict=True))
    for pod, status in by_pod.items():
        if status.sealed:
            raise NoCommonLeaderError(f"{pod} is sealed")
        if status.cluster_id != found.statuses[0].cluster_id:
            raise NoCommonLeaderError(
                f"{pod} belongs to another cluster ({status.cluster_id}) than {found.pods[0]} "
                f"({found.statuses[0].cluster_id}): it was initialised separately; delete its volumes "
                "and the pod to let it join"
            )
    leading = [pod for pod, leader in zip(found.pods, found.leaders, strict=True) if leader.is_self]
    if len(leading) != 1:
        raise NoCommonLeaderError(f"{len(leading)} pods lead instead of one")
    addresses = {leader.leader_address for leader in found.leaders}
    if len(addresses) != 1 or "" in addresses:
        raise NoCommonLeaderError("the pods don't follow the same leader")
    furthest = max(leader.raft_applied_index for leader in found.leaders)
    for pod, leader in zip(found.pods, found.leaders, strict=True):
        if furthest - leader.raft_applied_index > MAX_TRAILING_ENTRIES:
            raise NoCommonLeaderError(
                f"{pod} is {furthest - leader.raft_applied_index} entries behind the leader"
            )


def _observed(access: PodAccess, ordinal: int) -> tuple[SealStatus, Leader]:
    with access.reach(ordinal) as address:
        client = VaultClient(address)
        status = client.seal_status()
        if status.sealed:
            raise NoCommonLeaderError(f"{access.pod(ordinal)} is sealed")
        return status, client.leader()

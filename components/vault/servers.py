"""Verifies that pods are one cluster that one of them leads, without a token.

Vault reports which servers are voters only to a token (`sys/storage/raft/autopilot/state`).
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from components.errors import RetryableError
from components.vault.answers import Leader, SealStatus
from components.vault.client import VaultClient
from components.vault.pod_access import PodAccess

# A healthy follower is at most some entries behind; autopilot's own limit is 1000
# (max_trailing_logs, Vault's document on integrated storage).
MAX_TRAILING_ENTRIES = 1000


@dataclass(frozen=True)
class Leadership:
    """Seal status and leader by the name of the pod, in the order of the pods."""

    statuses: Mapping[str, SealStatus]
    leaders: Mapping[str, Leader]

    def to_properties(self) -> list[dict[str, Any]]:
        """Return the peer table of the stack's outputs; values that need a token are None."""
        return [
            {"node_id": pod, "address": "", "leader": leader.is_self, "voter": None, "healthy": None}
            for pod, leader in self.leaders.items()
        ]


def observe_leadership(access: PodAccess, replicas: int) -> Leadership:
    """Ask every pod for its status and leader; raise if one can't be reached or asked."""
    with ThreadPoolExecutor(max_workers=replicas) as pool:
        answers = list(pool.map(lambda ordinal: _observed(access, ordinal), range(replicas)))
    return Leadership(
        statuses={access.pod(ordinal): status for ordinal, (status, _) in enumerate(answers)},
        leaders={access.pod(ordinal): leader for ordinal, (_, leader) in enumerate(answers)},
    )


def observe_single_server(client: VaultClient, access: PodAccess) -> Leadership:
    """Ask the one pod of a Vault without high availability, which reports no leader."""
    status = client.seal_status()
    if status.sealed:
        raise RetryableError(f"{access.pod(0)} is sealed")
    # Without HA, Vault reports no leader; this server is the active one.
    leader = replace(client.leader(), is_self=True)
    return Leadership(statuses={access.pod(0): status}, leaders={access.pod(0): leader})


def require_one_cluster(statuses: Mapping[str, SealStatus]) -> None:
    """Raise :class:`RetryableError` if a pod is sealed or belongs to another cluster than the first one.

    One that was initialised separately is unsealed, too. Nothing shows which of two clusters has the data.
    """
    first, cluster_id = next((pod, status.cluster_id) for pod, status in statuses.items())
    for pod, status in statuses.items():
        if status.sealed:
            raise RetryableError(f"{pod} is sealed")
        if status.cluster_id != cluster_id:
            raise RetryableError(
                f"{pod} belongs to another cluster ({status.cluster_id}) than {first} ({cluster_id}): "
                "they were initialised separately. Which of the two is to stay only you can tell; "
                "docs/troubleshooting.md says how the other one's pods join it"
            )


def require_one_leader(leaders: Mapping[str, Leader]) -> None:
    """Raise :class:`RetryableError` unless one pod leads, and all others follow it closely."""
    leading = sum(leader.is_self for leader in leaders.values())
    if leading != 1:
        raise RetryableError(f"{leading} pods lead instead of one")
    addresses = {leader.leader_address for leader in leaders.values()}
    if len(addresses) != 1 or "" in addresses:
        raise RetryableError("the pods don't follow the same leader")
    furthest = max(leader.raft_applied_index for leader in leaders.values())
    for pod, leader in leaders.items():
        behind = furthest - leader.raft_applied_index
        if behind > MAX_TRAILING_ENTRIES:
            raise RetryableError(f"{pod} is {behind} entries behind the leader")


def _observed(access: PodAccess, ordinal: int) -> tuple[SealStatus, Leader]:
    with access.reach(ordinal) as client:
        status = client.seal_status()
        if status.sealed:
            raise RetryableError(f"{access.pod(ordinal)} is sealed")
        return status, client.proven_leader()

"""Declares what Vault answers, typed; :mod:`components.vault.client` asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SealStatus:
    """The answer of `sys/seal-status`, which needs no token."""

    seal_type: str
    initialized: bool
    sealed: bool
    recovery_seal: bool
    """Whether init returns recovery shares (auto-unseal) instead of key shares (Shamir)."""
    version: str
    cluster_id: str
    """Empty while sealed."""
    migration: bool = False
    """Whether the server has another seal than Vault's storage has yet, and waits to migrate it."""
    progress: int = 0
    """Number of shares that a sealed server has towards its threshold."""


@dataclass(frozen=True, repr=False)
class InitAnswer:
    """The answer of `sys/init`, which comes once. Not to be printed, hence without a repr of its fields."""

    root_token: str
    """Base64 of a PGP message if a key for it was given."""
    recovery_shares: Sequence[str]
    """Base64, of PGP messages if keys were given; empty with Shamir."""
    key_shares: Sequence[str]
    """In the same form as the recovery shares; empty with auto-unseal."""


@dataclass(frozen=True)
class RaftPeer:
    """One server of the raft cluster, as autopilot sees it."""

    node_id: str
    address: str
    leader: bool
    voter: bool
    healthy: bool

    def to_properties(self) -> dict[str, Any]:
        """Return an entry of the peer table in the stack's outputs."""
        return {
            "node_id": self.node_id,
            "address": self.address,
            "leader": self.leader,
            "voter": self.voter,
            "healthy": self.healthy,
        }


@dataclass(frozen=True)
class RaftState:
    """The members of raft and autopilot's verdict on them."""

    peers: Sequence[RaftPeer]
    """In the order of their node ids."""
    healthy: bool
    """Whether autopilot considers the cluster as a whole healthy."""


@dataclass(frozen=True)
class Leader:
    """The answer of `sys/leader`, which needs no token."""

    ha_enabled: bool
    is_self: bool
    """Whether the server that answers is the leader."""
    leader_address: str
    """The leader's API address as the servers know it; empty if there is none."""
    raft_committed_index: int
    """Last entry of raft's log that a majority has; 0 without raft."""
    raft_applied_index: int
    """Last entry that this server has applied; 0 without raft."""

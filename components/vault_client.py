"""A typed client for the few calls that init and verification need, on hvac."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import hvac
import hvac.exceptions
import requests

from components.errors import DeploymentError

Answer = TypeVar("Answer")

CALL_SECONDS = 10
# sys/init takes seconds on a slow disk or key service, and its answer comes once: a time-out would lose it.
INIT_SECONDS = 120


class VaultUnavailableError(DeploymentError):
    """Vault can't answer now (starting, sealed, without a leader); worth another try."""


class VaultUnreachableError(VaultUnavailableError):
    """There is no connection to Vault, or it broke; worth another try over a new one."""


class VaultRefusedError(DeploymentError):
    """Vault understood the request and refused it; another try gets the same answer."""


@dataclass(frozen=True)
class SealStatus:
    """`sys/seal-status`, which needs no token."""

    seal_type: str
    initialized: bool
    sealed: bool
    recovery_seal: bool
    """Whether init hands out recovery shares (auto-unseal) instead of key shares (Shamir)."""
    version: str
    cluster_id: str
    """Empty while sealed."""


@dataclass(frozen=True, repr=False)
class InitAnswer:
    """What `sys/init` answers, once. Not to be printed, hence without a repr of its fields."""

    root_token: str
    recovery_shares: Sequence[str]
    """Base64; empty with Shamir."""
    key_shares: Sequence[str]
    """Base64; empty with auto-unseal."""


@dataclass(frozen=True)
class RaftPeer:
    """One server of the raft cluster, as autopilot sees it."""

    node_id: str
    address: str
    leader: bool
    voter: bool
    healthy: bool

    def to_properties(self) -> dict[str, Any]:
        """As an entry of the peer table among the stack's outputs."""
        return {
            "node_id": self.node_id,
            "address": self.address,
            "leader": self.leader,
            "voter": self.voter,
            "healthy": self.healthy,
        }


@dataclass(frozen=True)
class RaftState:
    """Raft's members and autopilot's judgement of them."""

    peers: Sequence[RaftPeer]
    """In the order of their node ids."""
    healthy: bool
    """Autopilot's verdict on the cluster as a whole."""


class VaultClient:
    """Talks to one Vault server.

    Every method raises :class:`VaultUnreachableError` where there is no connection,
    :class:`VaultUnavailableError` where Vault can't answer now, and :class:`VaultRefusedError`.
    """

    def __init__(self, address: str, token: str = "") -> None:
        session = requests.Session()
        if address.startswith("http://127.0.0.1:"):
            # A proxy from the environment can't know the way to a tunnel on this machine.
            session.trust_env = False
        # An empty token keeps hvac from taking the user's own from the environment or ~/.vault-token.
        client = hvac.Client(url=address, token=token, timeout=CALL_SECONDS, session=session)
        init_client = hvac.Client(url=address, token="", timeout=INIT_SECONDS, session=session)
        # The stubs of hvac leave these methods untyped; the dataclasses above give the types.
        self._system: Any = client.sys
        self._init_system: Any = init_client.sys
        self._read: Callable[[str], Any] = client.read

    def seal_status(self) -> SealStatus:
        """The seal's type and state, and which cluster this is."""
        status = self._call(lambda: self._system.read_seal_status())
        if not isinstance(status, dict) or "type" not in status:
            raise VaultRefusedError("what answers sys/seal-status isn't Vault; check podAddress")
        return SealStatus(
            seal_type=str(status["type"]),
            initialized=bool(status["initialized"]),
            sealed=bool(status["sealed"]),
            recovery_seal=bool(status.get("recovery_seal", False)),
            version=str(status.get("version", "")),
            cluster_id=str(status.get("cluster_id", "")),
        )

    def initialize(self, *, shares: int, threshold: int, recovery: bool) -> InitAnswer:
        """The one-time init: recovery shares for auto-unseal seals, key shares for Shamir.

        Vault refuses parameters of the other kind ("not applicable to seal type"), and hvac adds key
        shares where neither kind is named, so exactly one kind is. Never retried here: an answer that
        got lost is lost.
        """
        parameters = (
            {"recovery_shares": shares, "recovery_threshold": threshold}
            if recovery
            else {"secret_shares": shares, "secret_threshold": threshold}
        )
        answer = self._call(lambda: self._init_system.initialize(**parameters))
        return InitAnswer(
            root_token=str(answer["root_token"]),
            recovery_shares=tuple(answer.get("recovery_keys_base64") or ()),
            key_shares=() if recovery else tuple(answer["keys_base64"]),
        )

    def submit_key_share(self, share: str) -> None:
        """Hands one of Shamir's key shares to a sealed server."""
        self._call(lambda: self._system.submit_unseal_key(key=share))

    def raft_state(self) -> RaftState:
        """Members and health; needs a token that may read autopilot's state."""
        answer = self._call(lambda: self._read("sys/storage/raft/autopilot/state"))
        if answer is None:
            raise VaultUnavailableError("autopilot has no state yet")
        data: Mapping[str, Any] = answer["data"]
        # Before the first round autopilot answers without servers.
        servers: Mapping[str, Mapping[str, Any]] = data.get("servers") or {}
        voters = set(data.get("voters") or ())
        return RaftState(
            peers=tuple(
                RaftPeer(
                    node_id=node_id,
                    address=str(server["address"]),
                    leader=node_id == data.get("leader"),
                    voter=node_id in voters,
                    healthy=bool(server["healthy"]),
                )
                for node_id, server in sorted(servers.items())
            ),
            healthy=bool(data.get("healthy")),
        )

    def _call(self, request: Callable[[], Answer]) -> Answer:
        try:
            return request()
        except (
            hvac.exceptions.InternalServerError,
            hvac.exceptions.VaultDown,
            hvac.exceptions.VaultNotInitialized,
            hvac.exceptions.BadGateway,
            hvac.exceptions.RateLimitExceeded,
        ) as error:
            raise VaultUnavailableError(str(error)) from None
        except hvac.exceptions.VaultError as error:
            raise VaultRefusedError(str(error)) from None
        except requests.exceptions.RequestException as error:
            raise VaultUnreachableError(f"no answer from Vault: {type(error).__name__}") from None

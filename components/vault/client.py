"""Wraps hvac in a typed client with the few calls that init and verification need.

Calls that belong to one procedure are in :mod:`components.vault.root_generation` and
:mod:`components.vault.rekey`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from components.errors import DeploymentError, RetryableError

Answer = TypeVar("Answer")

CALL_SECONDS = 10
# sys/init and rekeying take seconds on a slow disk or key service, and their answers come once: a timeout
# would lose them.
INIT_SECONDS = 120

# Vault's error messages for a temporary state, some of which have the status of a wrong request
# (vault/rekey.go, vault/generate_root.go; the texts in sdk/helper/consts/error.go and vault/init.go).
PASSING_STATES = (
    "Vault is sealed",
    "Vault is in standby mode",
    "Vault is not initialized",
    "server is not yet initialized",
    "no seal configuration found",
)

# Of the barrier or the recovery key (vault/seal.go, vault/seal_autoseal.go).
OTHER_SEAL = re.compile(r"seal type of \S+ does not match (expected|loaded) type")


class VaultUnavailableError(RetryableError):
    """Vault can't answer now (starting, sealed, without a leader); a retry may help."""


class OtherSealError(VaultUnavailableError):
    """The server runs with another seal than Vault's storage has, so it can't report the seal's status."""


class VaultUnreachableError(VaultUnavailableError):
    """There is no connection to Vault, or it broke; a retry over a new one may help."""


class VaultRefusedError(DeploymentError):
    """Vault understood the request and refused it; a retry gets the same answer."""


class VaultForbiddenError(VaultRefusedError):
    """The token lacks the permission, or is missing."""


class VaultAlreadyInitializedError(VaultRefusedError):
    """Vault was initialised before this `sys/init`, so its keys were returned to another caller."""


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


class VaultClient:
    """A client of one Vault server.

    Every method raises :class:`VaultUnreachableError` if there is no connection,
    :class:`VaultUnavailableError` if Vault can't answer now, and :class:`VaultRefusedError`.
    """

    def __init__(self, address: str, token: str = "") -> None:
        # Imported where Vault is asked: a preview asks it nothing, and both take a part of a second.
        import hvac
        import requests

        session = requests.Session()
        if address.startswith("http://127.0.0.1:"):
            # A proxy from the environment can't reach a tunnel on this machine.
            session.trust_env = False
        # An empty token keeps hvac from taking the user's own from the environment or ~/.vault-token.
        client = hvac.Client(url=address, token=token, timeout=CALL_SECONDS, session=session)
        # A standby that can't forward a request redirects to the leader's address, which no tunnel reaches.
        patient_client = hvac.Client(
            url=address, token=token, timeout=INIT_SECONDS, session=session, allow_redirects=False
        )
        # The stubs of hvac leave these methods untyped; the dataclasses above give the types.
        self._system: Any = client.sys
        self._patient_system: Any = patient_client.sys
        self._patient_adapter: Any = patient_client.adapter
        self._own_token: Any = client.auth.token
        self._read: Callable[[str], Any] = client.read
        self._address = address
        self._token = token

    def with_token(self, token: str) -> "VaultClient":
        """Return a client of the same server with another token."""
        return VaultClient(self._address, token)

    def seal_status(self) -> SealStatus:
        """Return the seal's type and status, and the cluster's id.

        Raises :class:`OtherSealError` if another server has migrated the seal meanwhile.
        """
        try:
            status = self._call(lambda: self._system.read_seal_status())
        except VaultUnavailableError as error:
            if OTHER_SEAL.search(str(error)):
                raise OtherSealError(str(error)) from None
            raise
        if not isinstance(status, dict) or "type" not in status:
            raise VaultRefusedError("what answers sys/seal-status isn't Vault; check podAddress")
        return SealStatus(
            seal_type=str(status["type"]),
            initialized=bool(status["initialized"]),
            sealed=bool(status["sealed"]),
            recovery_seal=bool(status.get("recovery_seal", False)),
            version=str(status.get("version", "")),
            cluster_id=str(status.get("cluster_id", "")),
            migration=bool(status.get("migration", False)),
            progress=int(status.get("progress", 0)),
        )

    def initialize(
        self,
        *,
        shares: int,
        threshold: int,
        recovery: bool,
        pgp_keys: Sequence[str] = (),
        root_token_pgp_key: str = "",
    ) -> InitAnswer:
        """Initialise Vault, once: with recovery shares for auto-unseal seals, with key shares for Shamir.

        With ``pgp_keys``, one per share, Vault encrypts each share (its hexadecimal digits) to its holder,
        and the root token to ``root_token_pgp_key``; keys are base64 of their binary form.

        Vault refuses parameters of the other kind ("not applicable to seal type"), and hvac adds key shares
        if neither kind is named, so exactly one kind is. Never retried here, as the answer comes once. Raises
        :class:`VaultAlreadyInitializedError` if Vault was initialised before.
        """
        kind = "recovery" if recovery else "secret"
        parameters: dict[str, Any] = {f"{kind}_shares": shares, f"{kind}_threshold": threshold}
        if pgp_keys:
            parameters["recovery_pgp_keys" if recovery else "pgp_keys"] = list(pgp_keys)
        if root_token_pgp_key:
            parameters["root_token_pgp_key"] = root_token_pgp_key
        try:
            answer = self._call(lambda: self._patient_system.initialize(**parameters))
        except VaultRefusedError as error:
            if "Vault is already initialized" in str(error):
                raise VaultAlreadyInitializedError(str(error)) from None
            raise
        return InitAnswer(
            root_token=str(answer["root_token"]),
            recovery_shares=tuple(answer.get("recovery_keys_base64") or ()),
            key_shares=() if recovery else tuple(answer["keys_base64"]),
        )

    def submit_key_share(self, share: str, *, migrate: bool = False) -> None:
        """Submit one share to a sealed server.

        With ``migrate`` it is one of the seal that Vault leaves, a key share or a recovery share.
        """
        self._call(lambda: self._system.submit_unseal_key(key=share, migrate=migrate))

    def forget_key_shares(self) -> None:
        """Reset a sealed server's unseal progress; an unsealed server refuses."""
        self._call(lambda: self._system.submit_unseal_key(reset=True))

    def step_down(self) -> None:
        """Make the server step down if it is the leader; needs a token with sudo on that path."""
        self._call(lambda: self._system.step_down())

    def token_valid(self) -> bool:
        """Return whether the client's token is valid."""
        if not self._token:
            return False
        try:
            self._call(lambda: self._own_token.lookup_self())
        except VaultForbiddenError:
            return False
        return True

    def revoke_own_token(self) -> None:
        """Revoke the client's token, and with it its child tokens and leases."""
        self._call(lambda: self._own_token.revoke_self())

    def leader(self) -> Leader:
        """Return the cluster's leader, and the raft index that this server has applied."""
        answer = self._call(lambda: self._system.read_leader_status())
        return Leader(
            ha_enabled=bool(answer["ha_enabled"]),
            is_self=bool(answer.get("is_self", False)),
            leader_address=str(answer.get("leader_address") or ""),
            raft_committed_index=int(answer.get("raft_committed_index") or 0),
            raft_applied_index=int(answer.get("raft_applied_index") or 0),
        )

    def raft_state(self) -> RaftState:
        """Return raft's members and health; needs a token that may read autopilot's state."""
        answer = self._call(lambda: self._read("sys/storage/raft/autopilot/state"))
        if answer is None:
            raise VaultUnavailableError("autopilot has no state yet")
        data: Mapping[str, Any] = answer["data"]
        # Before its first round autopilot reports no servers.
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

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Make a call whose answer comes once, hence with a long timeout; return {} if the answer is empty.

        ``path`` is without the leading `/v1/`. The client's token, if it has one, is sent along.
        """
        import requests

        answer = self._call(lambda: self._patient_adapter.request(method, f"/v1/{path}", json=body))
        if isinstance(answer, requests.Response):
            if answer.status_code == requests.codes.no_content:
                return {}
            raise VaultUnavailableError(
                f"the server can't hand {path} on to the leader (status {answer.status_code})"
            )
        found: Mapping[str, Any] = answer
        return found

    def _call(self, request: Callable[[], Answer]) -> Answer:
        import hvac.exceptions
        import requests

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
        except hvac.exceptions.Forbidden as error:
            raise VaultForbiddenError(str(error)) from None
        except hvac.exceptions.VaultError as error:
            if any(state in str(error) for state in PASSING_STATES):
                raise VaultUnavailableError(str(error)) from None
            raise VaultRefusedError(str(error)) from None
        except requests.exceptions.RequestException as error:
            raise VaultUnreachableError(f"no answer from Vault: {type(error).__name__}") from None

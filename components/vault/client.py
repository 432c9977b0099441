"""Wraps hvac in a typed client with the few calls that init and verification need.

Calls that belong to one procedure are in :mod:`components.vault.root_generation` and
:mod:`components.vault.rekey`.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from components.errors import DeploymentError, RetryableError
from components.time_limit import TimeLimit
from components.vault.answers import InitAnswer, Leader, RaftPeer, RaftState, SealStatus
from components.vault.messages import (
    ALREADY_INITIALIZED,
    ATTEMPT_ENDED,
    OTHER_SEAL,
    PASSING_STATES,
    SPEAKS_TLS,
)
from components.vault.server_identity import ServerIdentity

if TYPE_CHECKING:
    import requests

CALL_SECONDS = 10
# sys/init and rekeying take seconds on a slow disk or key service, and their answers come once: a timeout
# would lose them.
INIT_SECONDS = 120


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


class VaultNotFoundError(VaultRefusedError):
    """There is nothing at the path."""


class VaultAlreadyInitializedError(VaultRefusedError):
    """Vault was initialised before this `sys/init`, so its keys were returned to another caller."""


class VaultClient:
    """A client of one Vault server, at the base URL ``address``.

    ``ca_file`` is the path of the CA certificates (PEM) for its TLS; empty for those of this machine. With
    ``identity`` it is verified by that instead, wherever the address leads. ``may_move`` says that the server
    was asked whether it speaks TLS, so one that does by now is another one, and has to be asked again.
    ``limit`` is how long calls may take; None for each call's own limit.
    Every method raises :class:`VaultUnreachableError` if there is no connection,
    :class:`VaultUnavailableError` if Vault can't answer now, and :class:`VaultRefusedError`.
    """

    def __init__(
        self,
        address: str,
        token: str = "",
        ca_file: str = "",
        identity: ServerIdentity | None = None,
        *,
        may_move: bool = False,
        limit: TimeLimit | None = None,
    ) -> None:
        # Imported where Vault is asked: a preview asks it nothing, and both take a part of a second.
        import hvac
        import requests

        session = requests.Session()
        if address.startswith(("http://127.0.0.1:", "https://127.0.0.1:")):
            # A proxy from the environment can't reach a tunnel on this machine.
            session.trust_env = False
        if ca_file:
            session.verify = ca_file
        if identity is not None:
            session.mount("https://", identity.adapter())
        # An empty token keeps hvac from taking the user's own from the environment or ~/.vault-token. A
        # standby that can't forward a request redirects to the leader's address, which is whatever this
        # machine's network has there; token and shares would go along.
        client = hvac.Client(url=address, token=token, session=session, allow_redirects=False)
        self._adapter: Any = client.adapter
        self.address = address
        """Base URL of the server."""
        self.token = token
        """Sent with each call; empty for none. Not to be printed."""
        self.ca_file = ca_file
        """Path of the CA certificates that it is verified by; empty for those of this machine."""
        self.identity = identity
        """What it is verified by instead; None for an address that says it."""
        self._may_move = may_move
        self._limit = limit

    def with_token(self, token: str) -> "VaultClient":
        """Return a client of the same server with another token."""
        return VaultClient(
            self.address,
            token,
            self.ca_file,
            self.identity,
            may_move=self._may_move,
            limit=self._limit,
        )

    def seal_status(self) -> SealStatus:
        """Return the seal's type and status, and the cluster's id.

        Raises :class:`OtherSealError` if another server has migrated the seal meanwhile.
        """
        try:
            status = self.request("GET", "sys/seal-status")
        except VaultUnavailableError as error:
            if OTHER_SEAL.search(str(error)):
                raise OtherSealError(str(error)) from None
            raise
        if "type" not in status:
            raise _not_vault("sys/seal-status")
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

        Vault refuses parameters of the other kind ("not applicable to seal type"). Never retried here, as
        the answer comes once. Raises :class:`VaultAlreadyInitializedError` if Vault was initialised before.
        """
        kind = "recovery" if recovery else "secret"
        parameters: dict[str, Any] = {f"{kind}_shares": shares, f"{kind}_threshold": threshold}
        if pgp_keys:
            parameters["recovery_pgp_keys" if recovery else "pgp_keys"] = list(pgp_keys)
        if root_token_pgp_key:
            parameters["root_token_pgp_key"] = root_token_pgp_key
        try:
            answer = self.request("PUT", "sys/init", parameters, seconds=INIT_SECONDS)
        except VaultRefusedError as error:
            if ALREADY_INITIALIZED in str(error):
                raise VaultAlreadyInitializedError(str(error)) from None
            raise
        return InitAnswer(
            root_token=str(answer["root_token"]),
            recovery_shares=tuple(answer.get("recovery_keys_base64") or ()),
            key_shares=() if recovery else tuple(answer["keys_base64"]),
        )

    def unseal(self, shares: Sequence[str], *, migrate: bool = False) -> None:
        """Submit these shares to a sealed server, and none that was left from an earlier attempt.

        ``migrate`` as in :meth:`submit_key_share`.
        """
        self.forget_key_shares()
        for share in shares:
            self.submit_key_share(share, migrate=migrate)

    def submit_key_share(self, share: str, *, migrate: bool = False) -> None:
        """Submit one share to a sealed server.

        With ``migrate`` it is one of the seal that Vault leaves, a key share or a recovery share.
        """
        self.request("PUT", "sys/unseal", {"key": share, "migrate": migrate})

    def forget_key_shares(self) -> None:
        """Reset a sealed server's unseal progress; an unsealed server refuses."""
        self.request("PUT", "sys/unseal", {"reset": True})

    def step_down(self) -> None:
        """Make the server step down if it is the leader; needs a token with sudo on that path."""
        self.request("PUT", "sys/step-down")

    def token_valid(self) -> bool:
        """Return whether the client's token is valid."""
        if not self.token:
            return False
        try:
            self.request("GET", "auth/token/lookup-self")
        except VaultForbiddenError:
            return False
        return True

    def revoke_own_token(self) -> None:
        """Revoke the client's token, and with it its child tokens and leases."""
        self.request("POST", "auth/token/revoke-self")

    def leader(self) -> Leader:
        """Return the cluster's leader, and the raft index that this server has applied."""
        answer = self.request("GET", "sys/leader")
        return Leader(
            ha_enabled=bool(answer["ha_enabled"]),
            is_self=bool(answer.get("is_self", False)),
            leader_address=str(answer.get("leader_address") or ""),
            raft_committed_index=int(answer.get("raft_committed_index") or 0),
            raft_applied_index=int(answer.get("raft_applied_index") or 0),
        )

    def proven_leader(self) -> Leader:
        """Return the cluster's leader once it has answered, if it is another server.

        On a standby :meth:`leader` is what its own data say (`LockWith` in physical/raft/raft.go), so it has
        to hand on a call, which needs no token. Raises :class:`VaultUnavailableError` if it has no connection
        to a leader.
        """
        leader = self.leader()
        if leader.ha_enabled and not leader.is_self:
            # An answer that refuses it is one, too.
            with contextlib.suppress(VaultRefusedError):
                self.request("GET", "sys/internal/ui/mounts")
        return leader

    def raft_state(self) -> RaftState:
        """Return raft's members and health; needs a token that may read autopilot's state."""
        try:
            data: Mapping[str, Any] = self.request("GET", "sys/storage/raft/autopilot/state")["data"]
        except VaultNotFoundError:
            raise VaultUnavailableError("autopilot has no state yet") from None
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

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, seconds: float = CALL_SECONDS
    ) -> Mapping[str, Any]:
        """Make one call, which is never repeated or redirected; return {} if the answer is empty.

        ``path`` is without the leading `/v1/`. The client's token, if it has one, is sent along.
        """
        import hvac.exceptions
        import requests

        if self._limit is not None:
            seconds = self._limit.seconds(seconds)
        try:
            answer = self._adapter.request(method, f"/v1/{path}", json=body, timeout=seconds)
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
        except hvac.exceptions.InvalidPath as error:
            raise VaultNotFoundError(str(error)) from None
        except hvac.exceptions.VaultError as error:
            if any(state in str(error) for state in PASSING_STATES):
                raise VaultUnavailableError(str(error)) from None
            if SPEAKS_TLS in str(error) and self._may_move:
                raise VaultUnavailableError(f"{self.address} speaks TLS by now") from None
            if SPEAKS_TLS in str(error):
                raise VaultRefusedError(f"{self.address} speaks TLS. {_SPEAKS_TLS}") from None
            raise VaultRefusedError(str(error)) from None
        except requests.exceptions.SSLError as error:
            raise VaultUnreachableError(self._not_trusted(error)) from None
        except requests.exceptions.RequestException as error:
            raise VaultUnreachableError(f"no answer from Vault: {type(error).__name__}") from None
        except OSError as error:
            # Of a CA file that isn't there.
            raise VaultRefusedError(f"TLS can't be used (podAddressCaFile): {error}") from None
        # hvac returns the parsed answer if its status is 200, and else the response.
        if isinstance(answer, requests.Response):
            if 300 <= answer.status_code < 400:
                raise self.redirected(path, answer.status_code, answer.headers.get("Location", ""))
            if answer.status_code == requests.codes.no_content:
                return {}
        if not isinstance(answer, dict):
            raise _not_vault(path)
        return answer

    def send(
        self, method: str, path: str, content: IO[bytes] | None, *, seconds: float
    ) -> "requests.Response":
        """Make one call with bytes, which is never repeated or redirected; see :mod:`.snapshot_transfer`.

        Returns the answer with its body unread, whatever its status; ``seconds`` is the longest silence.
        """
        import requests

        try:
            return self._adapter.session.request(  # type: ignore[no-any-return]
                method,
                f"{self.address}/v1/{path}",
                headers={"X-Vault-Request": "true", "X-Vault-Token": self.token},
                data=content,
                stream=True,
                timeout=(CALL_SECONDS, seconds),
                allow_redirects=False,
            )
        except requests.exceptions.SSLError as error:
            raise VaultUnreachableError(self._not_trusted(error)) from None
        except requests.exceptions.RequestException as error:
            raise VaultUnreachableError(f"no answer from Vault: {type(error).__name__}") from None

    def request_key_operation(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Make a call of `sys/generate-root` or `sys/rekey*`, whose answer comes once; see :meth:`request`.

        Vault 1.x gives the fields of the answer themselves. From 2.0 on the calls are handled like those of a
        secrets engine, whose answers have them in `data`. Raises :class:`VaultUnavailableError` also if the
        attempt that the call belongs to has ended.
        """
        try:
            answer = self.request(method, path, body, seconds=INIT_SECONDS)
        except VaultRefusedError as error:
            if any(text in str(error) for text in ATTEMPT_ENDED):
                raise VaultUnavailableError(f"the attempt was ended meanwhile: {error}") from None
            raise
        return {**answer, **(answer.get("data") or {})}

    def _not_trusted(self, error: Exception) -> str:
        if self.identity is None:
            return f"the TLS of {self.address} isn't trusted (podAddressCaFile): {error}"
        return f"the certificate that Vault serves isn't trusted as {self.identity.name}'s: {error}"

    def redirected(self, path: str, status: int, location: str) -> DeploymentError:
        """Return the error for a redirect; Vault's own standby answers 307, which passes."""
        kind = VaultUnavailableError if status == 307 else VaultRefusedError
        elsewhere = location.partition("?")[0] or "nowhere"
        return kind(
            f"{self.address} redirects {path} to {elsewhere} (status {status}), which isn't followed, as "
            "tokens and shares would go there. A standby of Vault that can't reach the leader does so for "
            "some seconds; if something else in front of Vault does, set podAddress to an address that "
            "answers itself."
        )


_SPEAKS_TLS = (
    "If Vault's pods had TLS before, set tls.source to none instead of removing tls, until every pod was "
    "replaced; if podAddress leads to it, let it begin with https"
)


def _not_vault(path: str) -> VaultRefusedError:
    return VaultRefusedError(f"what answers {path} isn't Vault; check podAddress")

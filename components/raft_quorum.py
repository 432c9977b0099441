"""Verifies that every replica is unsealed and a healthy voter of one cluster with one leader.

It is separate from the init, so that a peer that is slow to join never costs the keys.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    UpdateResult,
)

from components.awaits_release import awaits_release
from components.custody.key_custody import KeyCustody, reading_token
from components.custody.key_store import KeyStoreError
from components.errors import DeploymentError, RetryableError
from components.init.lost_volumes import lost_volumes
from components.progress import Waiting, say
from components.stable_provider import StableProvider, StableResource
from components.vault.answers import RaftState, SealStatus
from components.vault.client import (
    VaultClient,
    VaultRefusedError,
    VaultUnavailableError,
    VaultUnreachableError,
)
from components.vault.diagnostics import pod_states, problem_of, with_pod_problems
from components.vault.pod_access import PodAccess, PodUnreachableError, pods_identity
from components.vault.servers import (
    observe_leadership,
    observe_single_server,
    require_one_cluster,
    require_one_leader,
)

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.operator_init import OperatorInit
    from components.pod_rollout import PodRollout
    from components.settings import Settings
    from components.vault_release import VaultRelease

INPUTS = (
    "access",
    "deployment",
    "storage",
    "replicas",
    "token",
    "token_needed",
    "custody",
    "keys_fingerprint",
    "release_revision",
    "running",
    "quorum_seconds",
)
OUTPUTS = ("peers", "cluster_id", "vault_version")


@awaits_release(pods_identity, peers=[], cluster_id="", vault_version="")
class RaftQuorumProvider(StableProvider):
    """Verifies at creation and whenever the release has changed; changes nothing itself."""

    inputs = INPUTS

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse fewer replicas while raft still counts the pods that would be deleted.

        If two of three voters are deleted at once, no majority is left, and the only way back is a recovery
        by hand. So it is refused even in the preview of such an update.
        """
        if not int(news["replicas"]) < int(_olds.get("replicas") or 0):
            return CheckResult(news, [])
        fix = _peers_in_the_way(_olds, int(news["replicas"]))
        return CheckResult(news, [CheckFailure("replicas", fix)] if fix else [])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait for the quorum; raise :class:`DeploymentError` with the reasons if it isn't reached."""
        return CreateResult(pods_identity(props), _verified(props))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Return a change also if Vault has lost its volumes, so that an update ends with what to do."""
        difference = super().diff(_id, _olds, _news)
        if lost := _lost_volumes(_news):
            say(lost)
            difference.changes = True
        return difference

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Verify again, as at creation; raise :class:`DeploymentError` at once if volumes are lost."""
        if lost := _lost_volumes(_news):
            raise DeploymentError(lost)
        return UpdateResult(_verified(_news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return the current peers, or the last known ones if Vault can't be asked."""
        access = PodAccess.from_properties(props["access"])
        try:
            token = reading_token(props, access.target)
            with access.reach(0) as server:
                client = server.with_token(token)
                if props.get("storage") == "file":
                    return ReadResult(id_, _single_server_properties(props, client, access))
                status, state = _observe(client, access)
        except (KeyStoreError, RetryableError, VaultRefusedError) as error:
            say(f"Vault {id_} can't be asked for its peers, those of the last update are kept: {error}")
            return ReadResult(id_, props)
        return ReadResult(id_, _properties(props, status, [peer.to_properties() for peer in state.peers]))


def _lost_volumes(props: Mapping[str, Any]) -> str | None:
    """Return what is lost, and the command that brings it back; None if nothing is, or it can't be seen."""
    try:
        return lost_volumes(PodAccess.from_properties(props["access"]))
    except DeploymentError as error:
        say(f"Whether Vault's volumes are lost can't be seen: {error}")
        return None


def _verified(props: Mapping[str, Any]) -> dict[str, Any]:
    access = PodAccess.from_properties(props["access"])
    if props["keys_fingerprint"]:
        from components.journal.journal import InitJournal

        # The engine has saved the keys, or their fingerprint, in the state before it created this resource.
        journal = InitJournal(access.target, access.statefulset, str(props["deployment"]))
        journal.finish(fingerprint=str(props["keys_fingerprint"]))
    token = reading_token(props, access.target)
    replicas = int(props["replicas"])
    waiting = Waiting(f"Waiting for {replicas} raft voters", float(props["quorum_seconds"]))

    def attempt() -> dict[str, Any]:
        with access.reach(0) as server:
            client = server.with_token(token)
            if props["storage"] == "file":
                return _single_server_properties(props, client, access)
            if not props["token_needed"] and not client.token_valid():
                return _verified_without_token(props, access)
            return _await_quorum(client, props, access, waiting)

    try:
        return waiting.until(
            attempt,
            RetryableError,
            state=lambda error: with_pod_problems(access, str(error), "; "),
            timeout_message=lambda error: _no_quorum(props, access, str(error)),
        )
    except VaultRefusedError as error:
        raise DeploymentError(
            f"Vault on {access.pod(0)} doesn't let the token read raft's state: {error}. "
            "It needs read on sys/storage/raft/autopilot/state."
        ) from None


def _verified_without_token(props: Mapping[str, Any], access: PodAccess) -> dict[str, Any]:
    found = observe_leadership(access, int(props["replicas"]))
    require_one_cluster(found.statuses)
    require_one_leader(found.leaders)
    say(
        "There is no token that may read raft's state, so the voters weren't verified: every pod is unsealed "
        "and follows one leader. With the setting token they are."
    )
    return _properties(props, found.statuses[access.pod(0)], found.to_properties())


def _peers_in_the_way(props: Mapping[str, Any], replicas: int) -> str | None:
    """Return what to do before the number of pods may be reduced; None if nothing."""
    access = PodAccess.from_properties(props["access"])
    staying = {access.pod(ordinal) for ordinal in range(replicas)}
    try:
        with access.reach(0) as client:
            state = client.with_token(reading_token(props, access.target)).raft_state()
    except (KeyStoreError, RetryableError, VaultRefusedError) as error:
        return f"raft can't be asked whether {replicas} pods are enough: {error}"
    surplus = [peer.node_id for peer in state.peers if peer.node_id not in staying]
    if not surplus:
        return None
    return (
        f"{', '.join(surplus)} would be deleted and still belong to raft, which might lose its majority; "
        "first, one by one: vault operator raft remove-peer"
    )


def _await_quorum(
    client: VaultClient, props: Mapping[str, Any], access: PodAccess, waiting: Waiting
) -> dict[str, Any]:
    """Poll over one connection until the quorum is reached, the connection breaks or time is up."""
    replicas = int(props["replicas"])

    def attempt() -> dict[str, Any]:
        status, state = _observe(client, access)
        _require_quorum(state, access, replicas)
        _require_members(access, replicas, status)
        return _properties(props, status, [peer.to_properties() for peer in state.peers])

    return waiting.until(
        attempt,
        RetryableError,
        retry_if=lambda error: not isinstance(error, PodUnreachableError | VaultUnreachableError),
        state=lambda error: with_pod_problems(access, str(error), "; "),
    )


def _observe(client: VaultClient, access: PodAccess) -> tuple[SealStatus, RaftState]:
    """Return pod 0's seal status, and raft's state through it; a standby forwards the call to the leader."""
    status = client.seal_status()
    if status.sealed:
        raise VaultUnavailableError(f"{access.pod(0)} is sealed")
    return status, client.raft_state()


def _require_quorum(state: RaftState, access: PodAccess, replicas: int) -> None:
    expected = {access.pod(ordinal) for ordinal in range(replicas)}
    present = {peer.node_id for peer in state.peers}
    missing, surplus = sorted(expected - present), sorted(present - expected)
    if missing:
        raise RetryableError(f"{', '.join(missing)} not joined yet")
    if surplus:
        raise RetryableError(
            f"{', '.join(surplus)} still a raft peer though the release has {replicas} replicas; "
            "remove it with vault operator raft remove-peer"
        )
    waiting = [peer.node_id for peer in state.peers if not peer.voter]
    if waiting:
        raise RetryableError(f"{', '.join(waiting)} not a voter yet")
    if sum(peer.leader for peer in state.peers) != 1:
        raise RetryableError("there is no leader")
    if not state.healthy:
        ill = [peer.node_id for peer in state.peers if not peer.healthy]
        raise RetryableError(f"autopilot finds {', '.join(ill) or 'the cluster'} unhealthy")


def _require_members(access: PodAccess, replicas: int, first: SealStatus) -> None:
    """Raise if another pod is sealed or belongs to another cluster than pod 0, whose status is ``first``."""
    others = range(1, replicas)
    with ThreadPoolExecutor(max_workers=replicas) as pool:
        statuses = list(pool.map(lambda ordinal: _pod_seal_status(access, ordinal), others))
    require_one_cluster({access.pod(ordinal): status for ordinal, status in enumerate((first, *statuses))})


def _pod_seal_status(access: PodAccess, ordinal: int) -> SealStatus:
    with access.reach(ordinal) as client:
        return client.seal_status()


def _properties(
    props: Mapping[str, Any], status: SealStatus, peers: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        **{name: props[name] for name in INPUTS if name in props},
        "peers": peers,
        "cluster_id": status.cluster_id,
        "vault_version": status.version,
    }


def _single_server_properties(
    props: Mapping[str, Any], client: VaultClient, access: PodAccess
) -> dict[str, Any]:
    found = observe_single_server(client, access)
    return _properties(props, found.statuses[access.pod(0)], found.to_properties())


def _no_quorum(props: Mapping[str, Any], access: PodAccess, error: str) -> str:
    replicas = int(props["replicas"])
    custody = KeyCustody.from_properties(props["custody"], access.target, str(props["deployment"]))
    lines = [f"Vault has no quorum of {replicas}: {error}. Its keys are safe in {custody.location}."]
    states = pod_states(access)
    started = {state.name for state in states if state.started}
    for ordinal in range(replicas):
        pod = access.pod(ordinal)
        try:
            status = _pod_seal_status(access, ordinal)
            lines.append(f"{pod}: {'sealed' if status.sealed else 'unsealed'}")
            if not status.sealed:
                continue
        except (RetryableError, VaultRefusedError) as unreachable:
            lines.append(f"{pod}: {problem_of(access, pod, states, str(unreachable))}")
        if pod in started:
            lines.append(_indented(access.kubectl.log_tail(pod, lines=8).splitlines()))
    return "\n".join([*lines, *filter(None, [_lost_volumes(props)])])


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


class RaftQuorum(StableResource, module="vault", name="RaftQuorum"):
    """A verified quorum of Vault servers."""

    peers: pulumi.Output[list[dict[str, Any]]]
    """One entry per server: node_id, address, leader, voter, healthy."""
    cluster_id: pulumi.Output[str]
    """Id of the Vault cluster that all pods belong to."""
    vault_version: pulumi.Output[str]
    """Version that pod 0 runs."""

    def __init__(
        self,
        name: str,
        *,
        settings: "Settings",
        release: "VaultRelease",
        init: "OperatorInit",
        rollout: "PodRollout",
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, Any] = {
            "access": release.access.to_properties(),
            "deployment": init.deployment,
            "storage": settings.storage,
            "replicas": settings.replicas,
            "token": settings.token if settings.token is not None else init.root_token,
            # A root token that is revoked, or encrypted to its holder, can't be used here.
            "token_needed": settings.token is not None
            or not (settings.init.revoke_root_token or settings.init.root_token_pgp_key),
            "custody": settings.custody.to_properties(),
            # New shares are in the state now, so their journal can be deleted.
            "keys_fingerprint": init.keys_fingerprint,
            # A new revision of the release may have changed the pods, so it is verified again.
            "release_revision": release.revision,
            # Nor is a change of the release needed for new pods, if people were to replace them.
            "running": rollout.running,
            "quorum_seconds": settings.deadlines.quorum_seconds,
            **release.awaiting,
            **dict.fromkeys(OUTPUTS),
        }
        super().__init__(
            RaftQuorumProvider(),
            name,
            properties,
            opts,
            secret_outputs=["token"],
        )

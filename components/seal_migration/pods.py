"""Observes how far each pod is in a migration of Vault's seal.

Source of the rules: Vault's document "Seal/Unseal", its source (`adjustForSealMigration` and `migrateSeal` in
vault/core.go), and the behaviour of real servers, which `docs/seal-migration.md` describes.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum

from components.errors import RetryableError
from components.progress import Waiting
from components.vault.answers import Leader, SealStatus
from components.vault.client import OtherSealError, VaultClient, VaultRefusedError, VaultUnavailableError
from components.vault.pod_access import PodAccess

STUCK_SECONDS = 5.0
"""How long a pod's answers may be inconsistent, as they are for a moment when the leader changes."""


class Stage(Enum):
    """The stages of a pod's migration, in this order."""

    BEFORE = "it runs with the configuration from before"
    SEALED = "it waits for shares"
    STUCK = "it couldn't use the new seal when it was to lead"
    READY = "it runs with the new configuration"


@dataclass(frozen=True)
class PodSeal:
    """One pod in a migration of the seal."""

    ordinal: int
    pod: str
    stage: Stage
    status: SealStatus | None
    """None if the pod can't report it, as its configuration has the old seal and the storage the new one."""
    leader: Leader | None
    """None if the pod is sealed or stuck."""

    @property
    def serves(self) -> bool:
        """Whether the pod serves, so that deleting it takes a server away."""
        return self.leader is not None

    @property
    def leads(self) -> bool:
        """Whether the pod leads the cluster."""
        return self.leader is not None and self.leader.is_self

    @property
    def migrated(self) -> bool:
        """Whether the pod has the new seal, and has seen that Vault's storage has it, too."""
        return self.stage is Stage.READY and self.status is not None and not self.status.migration


def observe_pod(access: PodAccess, ordinal: int, seal_type: str) -> PodSeal:
    """Return how far one pod is in the migration to that seal; raise if it can't be reached or asked."""
    pod = access.pod(ordinal)
    with access.reach(ordinal) as client:
        try:
            status = client.seal_status()
        except OtherSealError:
            return PodSeal(ordinal, pod, Stage.BEFORE, None, client.leader())
        before = status.seal_type != seal_type
        if status.sealed:
            return PodSeal(ordinal, pod, Stage.BEFORE if before else Stage.SEALED, status, None)
        leader = _leader(client)
        if leader is None and not before:
            return PodSeal(ordinal, pod, Stage.STUCK, status, None)
        return PodSeal(ordinal, pod, Stage.BEFORE if before else Stage.READY, status, leader)


def observe_pods(access: PodAccess, replicas: int, seal_type: str) -> Sequence[PodSeal]:
    """Return how far every pod is; raise if one can't be reached or asked."""
    with ThreadPoolExecutor(max_workers=replicas) as pool:
        return list(pool.map(lambda ordinal: observe_pod(access, ordinal, seal_type), range(replicas)))


def _leader(client: VaultClient) -> Leader | None:
    """Return the leader that an unsealed server follows.

    None if the server reports itself unsealed and yet answers "Vault is sealed": a server that was to lead
    and failed to migrate the seal ends in this state, and needs a restart.
    """
    waiting = Waiting("Waiting for a server to follow its leader", STUCK_SECONDS)
    try:
        return waiting.until(client.leader, VaultUnavailableError, pause_seconds=0.2)
    except VaultUnavailableError:
        return None


def unfinished_migration(access: PodAccess, replicas: int, seal_type: str) -> str | None:
    """Return why Vault isn't completely on that seal yet; None if it is.

    Until it is, the configuration has to name both seals: a pod that restarts with the new one alone doesn't
    start.
    """
    try:
        pods = observe_pods(access, replicas, seal_type)
    except (RetryableError, VaultRefusedError) as error:
        return f"Vault can't be asked: {error}"
    behind = [f"{pod.pod}: {pod.stage.value}" for pod in pods if not pod.serves or pod.stage is Stage.BEFORE]
    if behind:
        return "; ".join(behind)
    waiting = [pod.pod for pod in pods if not pod.migrated]
    return f"{', '.join(waiting)}: Vault's storage has the seal from before" if waiting else None


def begun_migration(access: PodAccess, replicas: int, seal_type: str) -> str | None:
    """Return why the configuration alone can't restore the old seal any more; None if it can."""
    try:
        pods = observe_pods(access, replicas, seal_type)
    except (RetryableError, VaultRefusedError) as error:
        return f"Vault can't be asked: {error}"
    done = [pod.pod for pod in pods if pod.migrated or pod.status is None]
    return f"Vault's storage has seal {seal_type} already ({', '.join(done)})" if done else None

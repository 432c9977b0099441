"""Migrates the seal step by step, pod by pod.

Every step is decided by the pods' state, so a later run can resume one that was stopped at any point.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from components.errors import DeploymentError, RetryableError
from components.progress import Waiting, say
from components.seal_migration.pods import PodSeal, Stage, observe_pod, observe_pods, unfinished_migration
from components.seals.seal import seal_class
from components.shares.unseal import give_shares
from components.vault.client import VaultForbiddenError, VaultRefusedError
from components.vault.diagnostics import with_pod_problems
from components.vault.pod_access import PodAccess
from components.vault.servers import require_one_leader

Result = TypeVar("Result")

STEP_SECONDS = 180.0
"""How long one pod may take to restart, and the cluster to be healthy again."""

STILL_LEADING_SECONDS = 12.0
"""How long a server may still lead after it was told to step down.

One that does step down leaves the leadership to the others for ten seconds (`manualStepDownSleepPeriod` in
vault/core.go). One that was unsealed twice takes no notice until it is restarted, see `give_shares`.
"""

DOCUMENT = "docs/seal-migration.md"


@dataclass(frozen=True)
class MigrationInputs:
    """The inputs of a seal migration."""

    access: PodAccess
    replicas: int
    leaving: str
    """Type of the seal that Vault is migrated from."""
    seal_type: str
    """Type of the seal that Vault is migrated to."""
    shares: Sequence[str] = field(repr=False)
    """Base64; key shares or recovery shares, as the old seal has them."""
    threshold: int
    """Number of shares that are needed."""
    token: str = field(repr=False)
    """Token that may make the leader step down and read raft's state; empty if there is none."""
    step_seconds: float = STEP_SECONDS


class SealMigration:
    """One run of the migration through all pods."""

    def __init__(self, inputs: MigrationInputs) -> None:
        self._inputs = inputs
        self._access = inputs.access
        self._revived: set[int] = set()
        """Pods that were stuck and were restarted in this run."""

    def run(self) -> None:
        """Migrate every pod to the new seal; raise :class:`DeploymentError` with what to fix."""
        while True:
            pods = self._whole_cluster()
            behind = [pod for pod in pods if pod.stage is Stage.BEFORE]
            if not behind:
                break
            # The leader is the last one: until it steps down, nothing is migrated.
            pod = min(behind, key=lambda pod: (pod.leads, pod.ordinal))
            if pod.leads and self._inputs.replicas > 1 and self._handed_over(pod):
                continue
            self._restart(pod)
        self._await_migrated()

    def _whole_cluster(self) -> Sequence[PodSeal]:
        """Return every pod once all of them serve; unseal sealed ones and restart stuck ones for that."""

        def attempt() -> Sequence[PodSeal]:
            problems = []
            for ordinal in range(self._inputs.replicas):
                try:
                    self._bring_up(ordinal)
                except RetryableError as error:
                    problems.append(f"{self._access.pod(ordinal)}: {error}")
            if problems:
                raise RetryableError("; ".join(problems))
            pods = self._observe()
            self._require_health(pods)
            return pods

        return self._retried("Waiting for every pod of Vault", attempt)

    def _bring_up(self, ordinal: int) -> None:
        pod = observe_pod(self._access, ordinal, self._inputs.seal_type)
        if pod.stage is Stage.SEALED:
            self._give_shares(pod)
        elif not pod.serves:
            if ordinal in self._revived:
                raise DeploymentError(self._seal_unusable(pod))
            self._revived.add(ordinal)
            self._restart(pod)

    def _give_shares(self, pod: PodSeal) -> None:
        """Unseal a pod, with the old seal's shares as long as Vault's storage has that seal."""
        if pod.status is None or not pod.status.initialized:
            raise RetryableError("it has no data and hasn't joined the cluster yet")
        with self._access.reach(pod.ordinal) as client:
            try:
                give_shares(
                    client,
                    self._inputs.shares[: self._inputs.threshold],
                    Waiting(f"Unsealing {pod.pod}", self._inputs.step_seconds),
                    migrate=pod.status.migration,
                )
            except VaultRefusedError as error:
                # A pod whose storage already has the new seal may have unsealed itself meanwhile.
                if client.seal_status().sealed:
                    raise DeploymentError(
                        f"{pod.pod} doesn't take the shares of this stack: {error}\nIt is as it was."
                    ) from None
        say(f"{pod.pod} is unsealed, with seal {self._inputs.seal_type} configured")

    def _restart(self, pod: PodSeal) -> None:
        """Delete the pod, and wait for its replacement."""
        say(f"Restarting {pod.pod}: {pod.stage.value}")
        self._access.kubectl.run(
            ["delete", "pod", pod.pod, "--ignore-not-found", "--wait=true", "--timeout=90s"],
            timeout_seconds=100,
        )

        def attempt() -> PodSeal:
            self._access.await_running(pod.ordinal, seconds=10)
            return observe_pod(self._access, pod.ordinal, self._inputs.seal_type)

        if self._retried(f"Waiting for {pod.pod}", attempt).stage is Stage.BEFORE:
            raise DeploymentError(
                f"{pod.pod} came back with the configuration from before. Run pulumi up with seal "
                f"{self._inputs.seal_type} and migrateFrom, and this command again."
            )

    def _handed_over(self, leader: PodSeal) -> bool:
        """Make another pod lead, which migrates the seal; return False if the pod has to be deleted for that.

        As the old leader is still there, it usually leads again if the new seal can't be used.
        """
        if not self._stepped_down(leader):
            return False
        notice = Waiting("Waiting for the leader to step down", STILL_LEADING_SECONDS)

        def attempt() -> bool:
            pods = self._observe()
            stuck = [pod for pod in pods if pod.stage is Stage.STUCK]
            if stuck:
                raise DeploymentError(self._seal_unusable(stuck[0]))
            if any(pod.leads and pod.migrated for pod in pods):
                return True
            if notice.over and pods[leader.ordinal].leads:
                return False
            raise RetryableError("no pod leads with the new seal yet")

        if self._retried("Waiting for the migration of the seal", attempt):
            say(f"Vault's storage has seal {self._inputs.seal_type} now")
            return True
        say(f"{leader.pod} was told to step down and still leads; it hands over when it is deleted")
        return False

    def _stepped_down(self, leader: PodSeal) -> bool:
        """Make the pod hand over its leadership; return False if no token may do it."""
        try:
            if not self._inputs.token:
                raise VaultForbiddenError("there is no token")
            with self._access.reach(leader.ordinal) as client:
                client.with_token(self._inputs.token).step_down()
        except VaultForbiddenError as error:
            say(f"{leader.pod} can't be told to step down ({error}); it hands over when it is deleted")
            return False
        say(f"{leader.pod} steps down; the next leader migrates the seal")
        return True

    def _await_migrated(self) -> None:
        recovery = seal_class(self._inputs.seal_type).unseals_itself

        def attempt() -> None:
            unfinished = unfinished_migration(self._access, self._inputs.replicas, self._inputs.seal_type)
            if unfinished is not None:
                raise RetryableError(unfinished)
            pods = self._observe()
            self._require_health(pods)
            for pod in pods:
                if pod.status is None or pod.status.recovery_seal is not recovery:
                    raise RetryableError(f"{pod.pod} has shares of the wrong kind")

        self._retried("Waiting for every pod to know the new seal", attempt)

    def _observe(self) -> Sequence[PodSeal]:
        return observe_pods(self._access, self._inputs.replicas, self._inputs.seal_type)

    def _require_health(self, pods: Sequence[PodSeal]) -> None:
        """Raise if the cluster couldn't lose one more pod."""
        leaders = {pod.pod: pod.leader for pod in pods if pod.leader is not None}
        if len(leaders) < len(pods):
            raise RetryableError(f"{', '.join(pod.pod for pod in pods if pod.leader is None)} doesn't serve")
        # File storage has one pod, which reports no leader.
        if not all(leader.ha_enabled for leader in leaders.values()):
            return
        require_one_leader(leaders)
        self._require_voters(next(pod for pod in pods if pod.leads))

    def _require_voters(self, leader: PodSeal) -> None:
        if not self._inputs.token:
            return
        try:
            with self._access.reach(leader.ordinal) as client:
                state = client.with_token(self._inputs.token).raft_state()
        except VaultForbiddenError:
            return
        if not state.healthy or sum(peer.voter for peer in state.peers) != self._inputs.replicas:
            raise RetryableError(f"raft doesn't have {self._inputs.replicas} voters in good health")

    def _retried(self, what: str, attempt: Callable[[], Result]) -> Result:
        return Waiting(what, self._inputs.step_seconds).until(
            attempt,
            RetryableError,
            state=lambda error: with_pod_problems(self._access, str(error), "; "),
            timeout_message=lambda error: (
                f"{what} took longer than {self._inputs.step_seconds:.0f} s: "
                f"{with_pod_problems(self._access, str(error))}\n"
                f"{self._logs()}\n{_INTERRUPTED}"
            ),
            pause_seconds=0.3,
        )

    def _seal_unusable(self, pod: PodSeal) -> str:
        return (
            f"{pod.pod} was to lead and to migrate the seal, and can't use seal {self._inputs.seal_type}. "
            "Nothing was migrated; Vault may have no leader until that pod is restarted.\n"
            f"{self._logs()}\nFix what the log names and run this command again, or set the old seal back "
            f"({DOCUMENT}, Going back)."
        )

    def _logs(self) -> str:
        return "\n".join(
            f"{self._access.pod(ordinal)}:\n{self._access.kubectl.log_tail(self._access.pod(ordinal))}"
            for ordinal in range(self._inputs.replicas)
        )


_INTERRUPTED = "Nothing is lost. Fix what is named there and run this command again: it goes on from there."

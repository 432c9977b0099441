"""Replaces outdated pods step by step; each step is decided by what the cluster has.

So a run that was stopped anywhere is gone on with by the next one, and nothing of it is in Pulumi's state.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from components.errors import DeploymentError, RetryableError
from components.kubernetes.kubectl import KubectlError
from components.kubernetes.pod_removal import GONE, REFUSED, evict_pod
from components.progress import Waiting, say
from components.rollout.plan import OTHER_REASON, ObservedPods, WantedPods, server_obstacle
from components.rollout.pods import RolloutPod, ask_pods, expected_servers
from components.shares.unseal import give_shares
from components.vault.client import VaultForbiddenError, VaultRefusedError
from components.vault.diagnostics import pod_states
from components.vault.pod_access import PodAccess
from components.vault.stateful_set import Server, StatefulSetError, delete_pod

ILL_SECONDS = 10.0
"""How long an outdated pod is broken before it counts as ill, and is replaced before those that serve."""
_CONTROLLER_SECONDS = 60.0
"""How long Kubernetes' controller may take to see the last change of the StatefulSet."""
_LOG_LINES = 8


@dataclass(frozen=True)
class RolloutInputs:
    """The inputs of a rolling change."""

    access: PodAccess
    replicas: int
    wanted: WantedPods
    pod_seconds: float
    """How long each replaced pod may take until it serves."""
    token: str = field(repr=False)
    """Token that may read raft's state; empty if there is none."""
    key_shares: Sequence[str] = field(default=(), repr=False)
    """Shares that unseal a pod; empty with a seal that unseals by itself."""
    take_snapshot: Callable[[], None] | None = None
    """What is called once before another version replaces the one that leads; its error ends the change."""


def await_taken_over(access: PodAccess, replicas: int) -> Sequence[Server]:
    """Return the servers once Kubernetes' controller has seen the last change of the StatefulSet.

    Raises :class:`StatefulSetError` if it doesn't in time, or can't be asked.
    """
    return Waiting("Waiting for Kubernetes to see the change", _CONTROLLER_SECONDS).until(
        lambda: expected_servers(access, replicas), StatefulSetError
    )


class PodReplacement:
    """One run through all outdated pods."""

    def __init__(self, inputs: RolloutInputs) -> None:
        self._inputs = inputs
        self._access = inputs.access
        self._wanted = inputs.wanted
        self._broken_since: dict[str, float] = {}
        """When an outdated pod was first seen broken, by its uid."""
        self._removed: set[str] = set()
        """Uids of pods that Kubernetes has agreed to remove."""
        self._servers: Sequence[Server] = ()
        """As they were seen last."""

    def run(self) -> None:
        """Replace every outdated pod; raise :class:`DeploymentError` at one that doesn't come up."""
        servers = await_taken_over(self._access, self._inputs.replicas)
        outdated = [server for server in servers if server.outdated]
        # A run that was killed behind its last eviction has left a pod that can't unseal itself.
        sealed = self._inputs.key_shares and not all(server.ready for server in servers)
        if not outdated and not sealed:
            return
        begun: set[str] = set()
        told: set[str] = set()
        refusing: dict[str, Waiting] = {}
        take_snapshot = self._inputs.take_snapshot
        while True:
            observed = self._settled()
            pod = observed.next
            if pod is None:
                break
            if take_snapshot is not None and self._wanted.gives_another_version(pod.server.origin):
                why_not = self._no_snapshot(observed)
                if not why_not:
                    take_snapshot()
                    take_snapshot = None
                    # It took its time, and the pods have to be looked at anew.
                    continue
                if why_not not in told:
                    told.add(why_not)
                    say(f"No snapshot is taken before another image, as {why_not}")
            uid = pod.server.pod_uid
            if uid not in begun:
                begun.add(uid)
                say(f"Replacing {pod.name} ({len(begun)} of {len(outdated)}): {self._reasons(pod)}")
            refusal = self._remove(pod)
            if not refusal:
                continue
            waiting = Waiting(f"Waiting until {pod.name} may go", self._inputs.pod_seconds)
            if refusing.setdefault(uid, waiting).over:
                raise DeploymentError(
                    f"{pod.name} can't be replaced: {refusal}\n{self._progress()} Once nothing forbids it, "
                    "run pulumi up again: it goes on from here."
                )
            refusing[uid].pause(refusal, seconds=1)
        say("Every pod of Vault runs with the settings of the release")

    def _no_snapshot(self, observed: ObservedPods) -> str:
        """Return why none can lead back to what the pods run now; empty if one can."""
        leader = observed.leader
        if leader is None:
            return "no pod leads"
        if not self._wanted.gives_another_version(leader.server.origin):
            return f"{leader.name} leads with it already"
        return ""

    def _settled(self) -> ObservedPods:
        """Return the pods once the next one may be replaced, or all are."""
        return Waiting("Waiting for Vault's pods", self._inputs.pod_seconds).until(
            self._unobstructed, RetryableError, timeout_message=lambda error: self._stopped(str(error))
        )

    def _unobstructed(self) -> ObservedPods:
        self._servers = expected_servers(self._access, self._inputs.replicas)
        if self._inputs.key_shares:
            self._unseal_replaced()
        if not any(server.ready for server in self._servers):
            pods = ask_pods(self._access, self._servers)
            observed = ObservedPods(pods, set())
            leaving = any(server.terminating for server in self._servers)
            # A blank pod is never ready, and has nothing to lose: a restore is to find the right version.
            if all(pod.blank for pod in pods) and (observed.next is not None or not leaving):
                return observed
        for server in self._servers:
            if problem := server_obstacle(server):
                raise RetryableError(problem)
        pods = ask_pods(self._access, self._servers)
        observed = ObservedPods(pods, self._ill(pods))
        if problem := observed.obstacle:
            raise RetryableError(problem)
        following = observed.next
        if following is None or following.serves:
            self._require_voters(observed)
        return observed

    def _ill(self, pods: Sequence[RolloutPod]) -> set[str]:
        now = time.monotonic()
        broken = {pod.server.pod_uid: pod.name for pod in pods if pod.server.outdated and pod.broken}
        self._broken_since = {uid: self._broken_since.get(uid, now) for uid in broken}
        return {name for uid, name in broken.items() if now - self._broken_since[uid] >= ILL_SECONDS}

    def _unseal_replaced(self) -> None:
        """Give the shares to each new pod that runs and is sealed."""
        for server in self._servers:
            if server.outdated or server.terminating or server.ready or not server.pod_uid:
                continue
            with self._access.reach(server.ordinal) as client:
                status = client.seal_status()
                # A pod that has lost its volume takes no shares until it has joined.
                if not (status.sealed and status.initialized):
                    continue
                waiting = Waiting(f"Unsealing {server.name}", self._inputs.pod_seconds)
                try:
                    give_shares(client, self._inputs.key_shares, waiting)
                except VaultRefusedError as error:
                    problem = f"{server.name} doesn't take the shares of this stack: {error}"
                    raise DeploymentError(self._stopped(problem)) from None

    def _require_voters(self, observed: ObservedPods) -> None:
        """Raise if raft couldn't lose one more server, as far as a token lets it be seen."""
        leader = observed.leader
        if not self._inputs.token or leader is None or len(observed.pods) == 1:
            return
        try:
            with self._access.reach(leader.server.ordinal) as client:
                state = client.with_token(self._inputs.token).raft_state()
        except VaultForbiddenError:
            return
        except VaultRefusedError as error:
            raise DeploymentError(f"raft's state can't be read from {leader.name}: {error}") from None
        expected = {pod.name for pod in observed.pods}
        surplus = [peer.node_id for peer in state.peers if peer.node_id not in expected]
        if surplus:
            raise RetryableError(
                f"raft counts on {', '.join(surplus)}, of which there is no pod; if it is gone for good: "
                f"vault operator raft remove-peer {surplus[0]}"
            )
        waiting = [peer.node_id for peer in state.peers if not (peer.voter and peer.healthy)]
        if waiting or not state.healthy:
            raise RetryableError(f"raft hasn't {', '.join(waiting) or 'all servers'} as healthy voters yet")

    def _remove(self, pod: RolloutPod) -> str:
        """Remove the pod, so that its controller creates a new one; return why that isn't possible yet."""
        kubectl, uid = self._access.kubectl, pod.server.pod_uid
        again = uid in self._removed
        try:
            # A disruption budget has no pod to spare of one, nor a dead one of several while others are away;
            # and neither has anything to lose.
            if self._inputs.replicas == 1 or pod.dead:
                delete_pod(self._access, pod.server)
            else:
                evict_pod(kubectl, namespace=self._access.target.namespace, pod=pod.name, uid=uid)
        except KubectlError as error:
            if error.reason in GONE:
                return ""
            if error.reason == REFUSED:
                return f"its disruption budget forbids it now ({error})"
            if error.passing:
                return str(error)
            raise DeploymentError(
                f"{pod.name} can't be replaced: {error}\n{self._progress()} Who runs pulumi up needs the "
                "right to create pods/eviction and to delete pods in Vault's namespace; or set upgrade.roll "
                "to false."
            ) from None
        self._removed.add(uid)
        return "Kubernetes has agreed to remove it, and it is still there" if again else ""

    def _reasons(self, pod: RolloutPod) -> str:
        return ", ".join(self._wanted.reasons(pod.server.origin)) or OTHER_REASON

    def _progress(self) -> str:
        behind = [server.name for server in self._servers if server.outdated]
        done = len(self._servers) - len(behind)
        return (
            f"{done} of {len(self._servers)} pods run with the settings of the release; with those from "
            f"before run {', '.join(behind)}."
            if behind
            else "Every pod has the settings of the release."
        )

    def _stopped(self, error: str) -> str:
        """Return the message for a pod that doesn't come up, with its log and the way back."""
        states = {state.name: state for state in pod_states(self._access)}
        lines = [f"Vault's pods are no longer replaced: {error}."]
        logs = []
        for server in self._servers:
            state = states.get(server.name)
            if server.outdated or server.ready or state is None:
                continue
            if state.problem:
                lines.append(f"{server.name}: {state.problem}")
            if state.started:
                log = self._access.kubectl.log_tail(server.name, lines=_LOG_LINES)
                logs.extend([f"The last log lines of {server.name}:", log])
        lines.append(
            f"{self._progress()} No other pod was touched. Fix what is named here, or set back what was "
            "changed, and run pulumi up again: it goes on from here."
        )
        return "\n".join([*lines, *logs])

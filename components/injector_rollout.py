"""Waits until only the injector's new pods are left and ready, and clears the way for them.

The chart lets a node have one injector, and Kubernetes deletes the old pod only once a new one is ready: if
there is no other node, the new one stays pending behind it. Then the old one makes way
(docs/decisions/0017-the-old-injector-makes-way.md).
"""

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CreateResult, UpdateResult

from components.awaits_release import awaits_release
from components.errors import DeploymentError, RetryableError
from components.kubernetes.deployment_rollout import Obstruction, judge_rollout
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.kubernetes.pod_removal import GONE, remove_pod
from components.kubernetes.pod_state import deployment_pods, grouped_problems, pod_selector
from components.progress import Waiting, say
from components.stable_provider import StableProvider, StableResource

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.settings import Settings
    from components.vault_release import VaultRelease

INPUTS = ("target", "deployment", "release_revision", "webhook_seconds", "clears_the_way")
OBSTRUCTED_SECONDS = 30
"""How long a new pod waits for a node of its own, such as an autoscaler's, before an old one makes way."""
_CONTAINER = "sidecar-injector"
_PORT_TAKEN = "address already in use"
"""What the injector logs before it ends if another process has its port (Go, syscall.EADDRINUSE)."""

_NONE_ANSWERS = (
    "pods that ask for secrets may start without them, or with injector.failurePolicy Fail not at all"
)


def _identity(props: Mapping[str, Any]) -> str:
    return f"{props['target']['namespace']}/{props['deployment']}"


@awaits_release(_identity)
class InjectorRolloutProvider(StableProvider):
    """Waits at creation and whenever the release has changed."""

    inputs = INPUTS

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait for the pods; raise :class:`DeploymentError` if they aren't ready in time."""
        _await_pods(props)
        return CreateResult(_identity(props), self.input_values(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Wait again, as at creation."""
        _await_pods(_news)
        return super().update(_id, _olds, _news)


class InjectorNotReadyError(RetryableError):
    """Not all pods of the injector are new and ready yet."""


def _await_pods(props: Mapping[str, Any]) -> None:
    rollout = _InjectorRollout(
        KubernetesTarget.from_properties(props["target"]),
        str(props["deployment"]),
        clears_the_way=bool(props["clears_the_way"]),
    )
    Waiting("Waiting for the injector's pods", float(props["webhook_seconds"])).until(
        rollout.advance,
        (KubectlError, InjectorNotReadyError),
        retry_if=lambda error: not _is_forbidden(error),
        state=rollout.state,
        timeout_message=rollout.failure,
        pause_seconds=0.5,
    )


def _is_forbidden(error: DeploymentError) -> bool:
    return isinstance(error, KubectlError) and error.reason == "Forbidden"


class _InjectorRollout:
    """The rollout as this run has seen it so far."""

    def __init__(self, target: KubernetesTarget, deployment: str, *, clears_the_way: bool) -> None:
        self._target = target
        self._kubectl = Kubectl(target)
        self._deployment = deployment
        self._clears_the_way = clears_the_way
        self._unready: Sequence[str] = ()
        self._obstruction: Obstruction | None = None
        self._obstructed_since = 0.0

    def advance(self) -> None:
        """Delete an old pod that has been in the way for long; raise unless the rollout is at its end."""
        found = self._kubectl.get("deployment", self._deployment)
        if found is None:
            raise InjectorNotReadyError(f"there is no Deployment {self._deployment}")
        rollout = judge_rollout(found, self._owned(pod_selector(found)))
        self._unready = rollout.unready
        if rollout.remaining:
            self._meet(rollout.obstruction)
            raise InjectorNotReadyError(rollout.remaining)

    def _owned(self, selector: str) -> Sequence[Mapping[str, Any]]:
        """Return the ReplicaSets and pods with these labels."""
        text = self._kubectl.run(["get", "replicasets,pods", f"--selector={selector}", "--output=json"])
        items: Sequence[Mapping[str, Any]] = json.loads(text)["items"]
        return items

    def _meet(self, obstruction: Obstruction | None) -> None:
        now = time.monotonic()
        if obstruction != self._obstruction:
            self._obstruction, self._obstructed_since = obstruction, now
        if obstruction is None or now - self._obstructed_since < OBSTRUCTED_SECONDS:
            return
        if self._clears_the_way and self._is_certain(obstruction):
            self._remove(obstruction)

    def _is_certain(self, obstruction: Obstruction) -> bool:
        """Return whether a new pod that ends does so for its port, and not for a reason of its own."""
        return not obstruction.by_port or _PORT_TAKEN in self._log(obstruction.new.name)

    def _remove(self, obstruction: Obstruction) -> None:
        old, new = obstruction.old, obstruction.new
        say(
            f"The injector's new pod {new.name} has waited {OBSTRUCTED_SECONDS} s for the place of its old "
            f"pod {old.name}, which is deleted now. Until the new one is ready, {_NONE_ANSWERS}."
        )
        try:
            remove_pod(self._kubectl, namespace=self._target.namespace, pod=old.name, uid=old.uid)
        except KubectlError as error:
            if _is_forbidden(error):
                raise DeploymentError(
                    f"The injector's old pod {old.name} can't be deleted: {error}\nDelete it, and run pulumi "
                    f"up again: {self._deletion(old.name)}"
                ) from None
            if error.reason not in GONE:
                raise
        self._obstruction = None

    def state(self, error: DeploymentError) -> str:
        """Return what is missing, and why the pods that there are don't run."""
        try:
            found = self._kubectl.get("deployment", self._deployment)
            problems = grouped_problems(deployment_pods(self._kubectl, found)) if found is not None else []
        except KubectlError:
            return str(error)
        return "; ".join([str(error), *problems])

    def failure(self, error: DeploymentError) -> str:
        """Return what is wrong with the pods, with the logs of those that started, and what to do."""
        try:
            found = self._kubectl.get("deployment", self._deployment)
            pods = deployment_pods(self._kubectl, found) if found is not None else []
        except KubectlError as failure:
            return f"The injector {self._deployment} can't be looked at: {failure}"
        if found is None:
            return f"The injector {self._deployment} doesn't exist: {self._installation()}"
        lines = [f"The injector {self._deployment} isn't ready: {error}", *grouped_problems(pods)]
        for pod in pods:
            if pod.started and pod.name in self._unready:
                lines += [f"The last log lines of {pod.name}:", self._log(pod.name)]
        if self._obstruction is not None:
            old = self._obstruction.old.name
            lines.append(f"{self._obstruction.new.name} needs the place of {old}: {self._deletion(old)}")
        ready = int((found.get("status") or {}).get("availableReplicas", 0))
        until_then = f"the {ready} that are ready answer" if ready else _NONE_ANSWERS
        lines.append(
            f"Fix that, or set back what was changed, and run pulumi up again. Until then {until_then}."
        )
        return "\n".join(lines)

    def _installation(self) -> str:
        if self._clears_the_way:
            return "run pulumi up --refresh, which installs it again."
        return "install the chart with all of the stack's values (pulumi stack output chart_values)."

    def _deletion(self, pod: str) -> str:
        return shlex.join([*self._target.command_of_person(), "delete", "pod", pod])

    def _log(self, pod: str) -> str:
        return self._kubectl.log_tail(pod, container=_CONTAINER)


def roll_injector_out(settings: "Settings", release: "VaultRelease") -> Sequence[pulumi.Resource]:
    """Wait for the injector's pods if it is enabled; return what has to be there before it is verified."""
    if not settings.injector.enabled:
        return ()
    return (
        InjectorRollout(
            "injector-rollout",
            settings=settings,
            release=release,
            opts=pulumi.ResourceOptions(depends_on=[release]),
        ),
    )


class InjectorRollout(StableResource, module="vault", name="InjectorRollout"):
    """An injector of which only the pods of its present version are left, and ready."""

    def __init__(
        self,
        name: str,
        *,
        settings: "Settings",
        release: "VaultRelease",
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, Any] = {
            "target": release.access.target.to_properties(),
            "deployment": f"{release.fullname}-agent-injector",
            "release_revision": release.revision,
            "webhook_seconds": settings.deadlines.webhook_seconds,
            # Pods of a release that others install are theirs.
            "clears_the_way": settings.release != "others",
            **release.awaiting,
        }
        super().__init__(InjectorRolloutProvider(), name, properties, opts)

"""Verifies that the API server reaches the injector's webhook.

A dry run of an annotated pod passes admission and leaves nothing behind. If a firewall keeps the control
plane from the webhook's port, every pod that is created waits for the webhook's timeout and then starts
without its secrets; this finds it before a workload does.
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CreateResult, UpdateResult

from components.awaits_release import awaits_release
from components.errors import DeploymentError, RetryableError
from components.kubernetes.injected_pod import admission_probe, vault_address
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.kubernetes.pod_state import deployment_pods, grouped_problems, pod_selector
from components.kubernetes.webhook_selection import webhook_selection
from components.progress import Waiting, say
from components.stable_provider import StableProvider, StableResource

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.settings import Settings
    from components.vault_release import VaultRelease

INPUTS = ("target", "deployment", "port", "release_revision", "webhook_seconds")
_INJECTOR_CONTAINER = "sidecar-injector"
# The chart gives the webhook 30 s (injector.webhook.timeoutSeconds); the request must wait longer.
_REQUEST_SECONDS = 45
_REQUEST_LOGGED = "Request received"
"""What the injector logs of each request to its webhook, but not of its probes (vault-k8s, handler.go)."""
_NOT_ASKED = "the API server admitted a pod without asking the webhook"
_OTHER_WEBHOOK_FAILED = re.compile(r'failed calling webhook "(?!vault\.hashicorp\.com")')


class ProbeRefusedError(RetryableError):
    """The pod wasn't admitted, for a reason other than the injector's webhook."""


@dataclass(frozen=True)
class _Injector:
    """The Deployment, as it is in the cluster."""

    image: str
    vault_address: str
    """Address of the Vault that its agents go to."""
    selector: str
    """Label selector of its pods."""
    ready: bool
    """Whether a pod of it is ready."""


def _identity(props: Mapping[str, Any]) -> str:
    return f"{props['target']['namespace']}/{props['deployment']}"


@awaits_release(_identity)
class InjectorAdmissionProvider(StableProvider):
    """Verifies at creation and whenever the release has changed; changes nothing itself."""

    inputs = INPUTS

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait until a pod is injected; raise :class:`DeploymentError` if none is in time."""
        _await_injection(props)
        return CreateResult(_identity(props), self.input_values(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Verify again, as at creation."""
        _await_injection(_news)
        return super().update(_id, _olds, _news)


def _await_injection(props: Mapping[str, Any]) -> None:
    target = KubernetesTarget.from_properties(props["target"])
    kubectl = Kubectl(target)
    deployment = str(props["deployment"])
    Waiting("Waiting for the injector's webhook", float(props["webhook_seconds"])).until(
        lambda: _require_injection(kubectl, target.namespace, deployment),
        (KubectlError, RetryableError),
        state=lambda error: _state(kubectl, deployment, str(error)),
        timeout_message=lambda error: _not_injected(kubectl, deployment, int(props["port"]), error),
        pause_seconds=0.5,
    )


def _require_injection(kubectl: Kubectl, namespace: str, deployment: str) -> None:
    """Raise :class:`RetryableError` unless this injector's webhook was asked about a pod."""
    injector = _injector(kubectl, deployment)
    began = time.monotonic()
    address = _probed(kubectl, namespace, injector, {})
    # Only of an injector that is ready, as this takes two more requests.
    if address is None and injector.ready:
        try:
            selection = webhook_selection(kubectl, f"{deployment}-cfg", namespace)
        except KubectlError as error:
            raise RetryableError(f"{_NOT_ASKED}, whose selectors can't be read: {error}") from None
        if not selection.takes_namespace:
            say(
                f"The injector is ready. That the API server reaches its webhook isn't verified: by "
                f"injector.namespaceSelector it isn't asked about pods in namespace {namespace}."
            )
            return
        if selection.pod_labels:
            address = _probed(kubectl, namespace, injector, selection.pod_labels)
    if address is None:
        raise RetryableError(_NOT_ASKED)
    if address in ("", injector.vault_address):
        return
    # Of several injectors the first one changes a pod, and the others leave a changed one alone. That they
    # were asked, only their log shows.
    seconds = int(time.monotonic() - began) + 5
    log = kubectl.run(
        [
            *("logs", f"--selector={injector.selector}", f"--container={_INJECTOR_CONTAINER}"),
            *(f"--since={seconds}s", "--tail=-1"),
        ]
    )
    if _REQUEST_LOGGED not in log:
        raise RetryableError(
            f"another injector, of the Vault at {address}, changed the pod, and this one wasn't asked"
        )
    say(
        f"Pods that ask for injection get it from another injector, whose webhook comes first: their agents "
        f"go to the Vault at {address}. The annotation vault.hashicorp.com/service: "
        f"{injector.vault_address} sends a pod's agent to this one."
    )


def _probed(kubectl: Kubectl, namespace: str, injector: _Injector, labels: Mapping[str, str]) -> str | None:
    """Return the address that the agent of a pod with these labels would go to; None if it got no agent."""
    try:
        answer = kubectl.run(
            ["create", "--dry-run=server", "--output=json", "--filename=-"],
            stdin=json.dumps(admission_probe(namespace, injector.image, labels)),
            timeout_seconds=_REQUEST_SECONDS,
        )
    except KubectlError as error:
        if error.passing and not _OTHER_WEBHOOK_FAILED.search(str(error)):
            raise
        raise ProbeRefusedError(str(error)) from None
    return vault_address(json.loads(answer))


def _injector(kubectl: Kubectl, deployment: str) -> _Injector:
    found = kubectl.get("deployment", deployment)
    if found is None:
        raise RetryableError(f"there is no Deployment {deployment}")
    spec = found["spec"]["template"]["spec"]
    container = next(one for one in spec["containers"] if one["name"] == _INJECTOR_CONTAINER)
    environment = {one["name"]: one.get("value", "") for one in container.get("env") or ()}
    return _Injector(
        image=str(container["image"]),
        vault_address=str(environment.get("AGENT_INJECT_VAULT_ADDR", "")),
        selector=pod_selector(found),
        ready=_is_ready(found),
    )


def _is_ready(deployment: Mapping[str, Any]) -> bool:
    return bool(deployment.get("status", {}).get("readyReplicas"))


def _state(kubectl: Kubectl, deployment: str, error: str) -> str:
    """Return why the injector's pods don't run; ``error`` if they do, or can't be looked at."""
    try:
        found = kubectl.get("deployment", deployment)
        problems = grouped_problems(deployment_pods(kubectl, found)) if found is not None else []
    except KubectlError:
        return error
    return "; ".join(problems) or error


def _not_injected(kubectl: Kubectl, deployment: str, port: int, error: DeploymentError) -> str:
    try:
        found = kubectl.get("deployment", deployment)
        pods = deployment_pods(kubectl, found) if found is not None else []
    except KubectlError as failure:
        return f"The injector {deployment} can't be looked at: {failure}"
    if found is None:
        return f"The injector {deployment} doesn't exist: run pulumi up --refresh, which installs it again."
    if not _is_ready(found):
        lines = [f"The injector {deployment} isn't ready:", *grouped_problems(pods)]
        for pod in pods:
            if pod.started:
                log = kubectl.log_tail(pod.name, container=_INJECTOR_CONTAINER)
                lines.extend([f"The last log lines of {pod.name}:", log])
        return "\n".join(lines)
    if isinstance(error, ProbeRefusedError):
        return (
            f"Whether the control plane reaches the injector {deployment} is unknown, as the pod that would "
            f"show it isn't admitted: {error}\nLet it in (a dry run of a pod with the injector's own image, "
            "in Vault's namespace), or set injector.verify to false and look at a pod of your own."
        )
    fix = (
        "With injector.hostNetwork the port is one of the node: see that no other program has it there."
        if found["spec"]["template"]["spec"].get("hostNetwork")
        else "If pods have addresses of an overlay network (on EKS with Calico, Cilium or Weave), the "
        "control plane reaches none of them, whatever the rules: set injector.hostNetwork to true."
    )
    return (
        f"The injector {deployment} is ready, but the control plane doesn't reach its webhook: {error}. "
        f"Let TCP {port} through from the control plane to the nodes (on EKS: nodeSecurityGroupIds has to "
        f"name the groups of all nodes that may run the injector). {fix} Until then each pod that is created "
        "waits for the webhook's time-out and starts without injection."
    )


def verify_injector_admission(
    settings: "Settings", release: "VaultRelease", rollout: Sequence[pulumi.Resource]
) -> None:
    """Verify the injector if it is enabled and the settings don't say otherwise.

    It is verified once its ``rollout`` is at its end: an old pod would answer for a new one.
    """
    if settings.injector.enabled and settings.injector.verify:
        InjectorAdmission(
            "injector-admission",
            settings=settings,
            release=release,
            opts=pulumi.ResourceOptions(depends_on=[release, *rollout]),
        )


class InjectorAdmission(StableResource, module="vault", name="InjectorAdmission"):
    """An injector whose webhook the API server reaches."""

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
            "port": settings.injector.port,
            "release_revision": release.revision,
            "webhook_seconds": settings.deadlines.webhook_seconds,
            **release.awaiting,
        }
        super().__init__(InjectorAdmissionProvider(), name, properties, opts)

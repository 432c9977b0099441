"""Verifies that the API server reaches the injector's webhook.

A dry run of an annotated pod passes admission and leaves nothing behind. If a firewall keeps the control
plane from the webhook's port, every pod that is created waits for the webhook's timeout and then starts
without its secrets; this finds it before a workload does.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CreateResult, UpdateResult

from components.errors import RetryableError
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.kubernetes.pod_state import deployment_pods, grouped_problems
from components.progress import Waiting
from components.stable_provider import StableProvider, StableResource

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.settings import Settings
    from components.vault_release import VaultRelease

INPUTS = ("target", "deployment", "port", "release_revision", "webhook_seconds")
INJECTED_CONTAINER = "vault-agent"
_INJECTOR_CONTAINER = "sidecar-injector"
# The chart gives the webhook 30 s (injector.webhook.timeoutSeconds); the request must wait longer.
_REQUEST_SECONDS = 45


def admission_probe(namespace: str) -> dict[str, Any]:
    """Return a pod that asks for injection and that every pod security standard admits."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "vault-injector-probe-",
            "namespace": namespace,
            "annotations": {
                "vault.hashicorp.com/agent-inject": "true",
                "vault.hashicorp.com/role": "injector-probe",
            },
        },
        "spec": {
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "probe",
                    "image": "injector-probe",
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


def is_injected(pod: Mapping[str, Any]) -> bool:
    """Return whether the webhook has added Vault's agent to the pod."""
    return any(container["name"] == INJECTED_CONTAINER for container in pod["spec"]["containers"])


class InjectorAdmissionProvider(StableProvider):
    """Verifies at creation and whenever the release has changed; changes nothing itself."""

    inputs = INPUTS

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait until a pod is injected; raise :class:`DeploymentError` if none is in time."""
        _await_injection(props)
        return CreateResult(f"{props['target']['namespace']}/{props['deployment']}", self.input_values(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Verify again, as at creation."""
        _await_injection(_news)
        return super().update(_id, _olds, _news)


def _await_injection(props: Mapping[str, Any]) -> None:
    target = KubernetesTarget.from_properties(props["target"])
    kubectl = Kubectl(target)
    deployment = str(props["deployment"])
    probe = json.dumps(admission_probe(target.namespace))

    def attempt() -> None:
        answer = kubectl.run(
            ["create", "--dry-run=server", "--output=json", "--filename=-"],
            stdin=probe,
            timeout_seconds=_REQUEST_SECONDS,
        )
        if not is_injected(json.loads(answer)):
            raise RetryableError("the API server admitted a pod without asking the webhook")

    Waiting("Waiting for the injector's webhook", float(props["webhook_seconds"])).until(
        attempt,
        (KubectlError, RetryableError),
        state=lambda error: _state(kubectl, deployment, str(error)),
        timeout_message=lambda error: _not_injected(kubectl, deployment, int(props["port"]), str(error)),
        pause_seconds=0.5,
    )


def _state(kubectl: Kubectl, deployment: str, error: str) -> str:
    """Return why the injector's pods don't run; ``error`` if they do, or can't be looked at."""
    try:
        found = kubectl.get("deployment", deployment)
        problems = grouped_problems(deployment_pods(kubectl, found)) if found is not None else []
    except KubectlError:
        return error
    return "; ".join(problems) or error


def _not_injected(kubectl: Kubectl, deployment: str, port: int, state: str) -> str:
    try:
        found = kubectl.get("deployment", deployment)
        pods = deployment_pods(kubectl, found) if found is not None else []
    except KubectlError as error:
        return f"The injector {deployment} can't be looked at: {error}"
    if found is None:
        return f"The injector {deployment} doesn't exist: run pulumi up --refresh, which installs it again."
    if not found.get("status", {}).get("readyReplicas"):
        lines = [f"The injector {deployment} isn't ready:", *grouped_problems(pods)]
        for pod in pods:
            if pod.started:
                log = kubectl.log_tail(pod.name, container=_INJECTOR_CONTAINER)
                lines.extend([f"The last log lines of {pod.name}:", log])
        return "\n".join(lines)
    return (
        f"The injector {deployment} is ready, but the control plane doesn't reach its webhook: {state}. "
        f"Let TCP {port} through from the control plane to the nodes (on EKS: check that "
        "nodeSecurityGroupId is the group of the nodes that run the injector). Until then each pod that is "
        "created waits for the webhook's time-out and starts without injection."
    )


def verify_injector_admission(settings: "Settings", release: "VaultRelease") -> None:
    """Verify the injector if it is enabled."""
    if settings.injector.enabled:
        InjectorAdmission(
            "injector-admission",
            settings=settings,
            target=release.access.target,
            deployment=f"{release.fullname}-agent-injector",
            release_revision=release.revision,
            opts=pulumi.ResourceOptions(depends_on=[release]),
        )


class InjectorAdmission(StableResource, module="vault", name="InjectorAdmission"):
    """An injector whose webhook the API server reaches."""

    def __init__(
        self,
        name: str,
        *,
        settings: "Settings",
        target: KubernetesTarget,
        deployment: str,
        release_revision: pulumi.Input[int],
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, Any] = {
            "target": target.to_properties(),
            "deployment": deployment,
            "port": settings.injector.port,
            "release_revision": release_revision,
            "webhook_seconds": settings.deadlines.webhook_seconds,
        }
        super().__init__(InjectorAdmissionProvider(), name, properties, opts)

"""The one-time operator init, as a resource that is never replaced or repeated and keeps its result."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from components.errors import DeploymentError
from components.kubectl import KubectlError
from components.pod_access import PodAccess, PodUnreachableError
from components.progress import Waiting, say
from components.provider_errors import report_without_trace
from components.settings import Settings
from components.stable_provider import StableProvider
from components.vault_client import SealStatus, VaultClient, VaultRefusedError, VaultUnavailableError

INPUTS = ("access", "seal_type", "shares", "threshold", "adopt", "pod_start_seconds")
OUTPUTS = ("cluster_initialized_here", "vault_version", "root_token", "recovery_shares", "key_shares")
SECRET_OUTPUTS = ("root_token", "recovery_shares", "key_shares")


class OperatorInitProvider(StableProvider):
    """Runs `operator init` on pod 0 in ``create`` and nowhere else."""

    inputs = INPUTS

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuses what would need other shares than the ones that this Vault was initialised with."""
        failures = [
            CheckFailure(
                name,
                f"this Vault was initialised with {name} {int(_olds[name])}; set it back, or change the "
                "shares with vault operator rekey, which this program doesn't do",
            )
            for name in ("shares", "threshold")
            if _olds.get(name) is not None and _olds[name] != news.get(name)
        ]
        return CheckResult(news, failures)

    @report_without_trace
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Initialises Vault, or adopts it where that is asked for."""
        access = PodAccess.from_properties(props["access"])
        pod = access.pod(0)
        inputs = {name: props[name] for name in INPUTS}
        waiting = Waiting(f"Waiting for {pod}", float(props["pod_start_seconds"]))
        while True:
            try:
                access.await_running(0, seconds=min(10, waiting.remaining_seconds))
                with access.reach(0) as address:
                    client = VaultClient(address)
                    status = client.seal_status()
                    _require_seal_type(status, str(props["seal_type"]))
                    if status.initialized:
                        return CreateResult(_identity(access), {**inputs, **_adopted(props, status, pod)})
                    say(f"Initialising Vault {status.version} on {pod}, seal {status.seal_type}")
                    return CreateResult(
                        _identity(access), {**inputs, **_initialize(client, props, status, access)}
                    )
            except (PodUnreachableError, VaultUnavailableError) as error:
                if waiting.over:
                    raise DeploymentError(_not_started(access, str(error))) from None
                waiting.pause(partial(_pod_state, access, str(error)))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Answers what is known: Vault can't tell its keys a second time, so a refresh must not ask."""
        return ReadResult(id_, props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Takes over changed inputs and keeps every output; the default would drop the keys."""
        kept = {name: value for name, value in _olds.items() if name in OUTPUTS}
        return UpdateResult({**{name: _news[name] for name in INPUTS}, **kept})

    @report_without_trace
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Leaves Vault as it is: there is no un-init."""
        say(
            f"Vault {_id} stays initialised and its volumes stay as they are; "
            "with this resource its root token and shares leave the stack's state"
        )


def _initialize(
    client: VaultClient, props: Mapping[str, Any], status: SealStatus, access: PodAccess
) -> dict[str, Any]:
    try:
        answer = client.initialize(
            shares=int(props["shares"]),
            threshold=int(props["threshold"]),
            recovery=status.recovery_seal,
        )
    except (VaultUnavailableError, VaultRefusedError) as error:
        raise DeploymentError(_init_failed(access, status, str(error))) from None
    return {
        "cluster_initialized_here": True,
        "vault_version": status.version,
        "root_token": answer.root_token,
        "recovery_shares": list(answer.recovery_shares),
        "key_shares": list(answer.key_shares),
    }


def _adopted(props: Mapping[str, Any], status: SealStatus, pod: str) -> dict[str, Any]:
    if not props["adopt"]:
        raise DeploymentError(
            f"Vault on {pod} is initialised already, by somebody or something else than this stack, and "
            "its keys can't be had a second time. If it is meant to be taken over, set init.adopt to true "
            "and give a token. If it is left over from an earlier trial, delete its volumes "
            "(kubectl delete pvc) and its pods first."
        )
    say(f"Adopting Vault {status.version} on {pod}: initialised before, no keys are stored")
    return {
        "cluster_initialized_here": False,
        "vault_version": status.version,
        "root_token": "",
        "recovery_shares": [],
        "key_shares": [],
    }


def _require_seal_type(status: SealStatus, configured: str) -> None:
    if status.seal_type != configured:
        raise DeploymentError(
            f"The settings say seal {configured}, but the Vault that answers has seal {status.seal_type}. "
            "Nothing was initialised. Either another Vault answers (check kubeContext, namespace and "
            "releaseName), or its pods still run with an older configuration (delete them to restart)."
        )


def _identity(access: PodAccess) -> str:
    return f"{access.target.namespace}/{access.statefulset}"


def _pod_state(access: PodAccess, error: str) -> str:
    """One line on why the pod doesn't answer yet."""
    try:
        pod = access.kubectl.pod(access.pod(0)) if not access.address else None
    except KubectlError as kubectl_error:
        return str(kubectl_error)
    if pod is None:
        return error
    status = pod.get("status", {})
    for container in status.get("containerStatuses") or ():
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            return f"{waiting.get('reason')}: {waiting.get('message', '')}".strip(": ")
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"not scheduled: {condition.get('message', '')}"
    return f"pod {status.get('phase')}; {error}"


def _not_started(access: PodAccess, error: str) -> str:
    pod = access.pod(0)
    message = (
        f"Vault on {pod} doesn't answer: {_pod_state(access, error)}\n"
        "Nothing was initialised. A pod keeps the settings that it was made with: after mending one, run "
        f"pulumi up and delete the pods (kubectl delete pod {pod})."
    )
    if access.address:
        return f"{message} The address is {access.address!r} (podAddress); check that it leads to the pod."
    log = access.kubectl.log_tail(pod)
    if "NoCredentialProviders" in log:
        message += (
            " Its pods get no credentials: the role's trust policy has to name this service account, and the "
            "cluster's pod identity webhook has to run (kubectl get mutatingwebhookconfigurations)."
        )
    return f"{message} The pod's last log lines:\n{log}"


def _init_failed(access: PodAccess, status: SealStatus, error: str) -> str:
    message = f"Init of Vault on {access.pod(0)} failed: {error}"
    if not access.address:
        message += f"\nThe pod's last log lines:\n{access.kubectl.log_tail(access.pod(0))}"
    if status.recovery_seal:
        # https://github.com/hashicorp/vault/issues/16201
        message += (
            "\nWhere the seal's key could not be used (see the log), mend the policies of role and key. "
            "Vault may count as initialised all the same, with keys that nobody got: it holds no data "
            "yet, so delete its volumes and pods (kubectl delete pvc, kubectl delete pod) and run "
            "pulumi up again."
        )
    return message


class OperatorInit(Resource, module="vault", name="OperatorInit"):
    """An initialised Vault: root token and shares, as secrets."""

    cluster_initialized_here: pulumi.Output[bool]
    """False where the cluster was adopted."""
    vault_version: pulumi.Output[str]
    """Version that pod 0 ran at the init."""
    root_token: pulumi.Output[str]
    """Secret; empty where the cluster was adopted."""
    recovery_shares: pulumi.Output[list[str]]
    """Secret, base64; empty with Shamir and where the cluster was adopted."""
    key_shares: pulumi.Output[list[str]]
    """Secret, base64; empty with auto-unseal and where the cluster was adopted."""

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        access: PodAccess,
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, Any] = {
            "access": access.to_properties(),
            "seal_type": settings.seal.type,
            "shares": settings.init.shares,
            "threshold": settings.init.threshold,
            "adopt": settings.init.adopt,
            "pod_start_seconds": settings.deadlines.pod_start_seconds,
            **dict.fromkeys(OUTPUTS),
        }
        super().__init__(
            OperatorInitProvider(),
            name,
            properties,
            pulumi.ResourceOptions.merge(
                pulumi.ResourceOptions(
                    # Python's dynamic provider host doesn't keep secrets apart, so the engine is told
                    # which outputs are (pulumi/dynamic/__main__.py, acceptSecrets).
                    additional_secret_outputs=list(SECRET_OUTPUTS),
                    protect=settings.protect,
                ),
                opts,
            ),
        )

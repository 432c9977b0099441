"""Composes the error messages for a pod 0 that doesn't start or initialise."""

from components.kubernetes.kubectl import KubectlError
from components.vault.pod_access import PodAccess


def pod_state(access: PodAccess, error: str) -> str:
    """Return one line on why the pod doesn't answer yet; ``error`` if Kubernetes reports nothing wrong."""
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


def not_started(access: PodAccess, error: str) -> str:
    """Return the message for a pod 0 that doesn't answer in time."""
    pod = access.pod(0)
    message = (
        f"Vault on {pod} doesn't answer: {pod_state(access, error)}\n"
        "This run has initialised nothing. A pod keeps the settings that it was made with: after fixing one, "
        f"run pulumi up and delete the pods (kubectl delete pod {pod})."
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


def init_failed(access: PodAccess, error: str, *, recovery_seal: bool) -> str:
    """Return the message for an init that Vault answered with an error, or not at all."""
    message = f"Init of Vault on {access.pod(0)} failed: {error}"
    if not access.address:
        message += f"\nThe pod's last log lines:\n{access.kubectl.log_tail(access.pod(0))}"
    if recovery_seal:
        message += "\nIf the seal's key could not be used (see the log), fix the policies of role and key."
    # https://github.com/hashicorp/vault/issues/16201
    return (
        f"{message}\nRun pulumi up again: it goes on where this run stopped. Vault may count as initialised "
        "all the same, with keys that nobody received; pulumi up says so then, and how to begin again."
    )

"""Finds out whether a Vault that was initialised has become blank, as after the loss of all its volumes."""

import json

from components.kubernetes.kubectl import KubectlError
from components.vault.pod_access import PodAccess
from components.vault.stateful_set import StatefulSetError, ask_servers, find_pods

# Vault's service registration sets it once the server is unsealed, and never takes it back
# (command/server.go and serviceregistration/kubernetes of Vault 1.21.2).
_INITIALIZED = "vault-initialized=true"


def has_lost_all_data(access: PodAccess, replicas: int) -> bool:
    """Return whether Vault has all its pods, and each of them answers that it isn't initialised.

    They are asked only if Vault has labelled none of them as initialised, which takes a call of kubectl.
    Raises :class:`StatefulSetError` if Kubernetes can't be asked.
    """
    names = {access.pod(ordinal) for ordinal in range(replicas)}
    try:
        found = json.loads(access.kubectl.run(["get", "pods", f"--selector={_INITIALIZED}", "--output=json"]))
    except KubectlError as error:
        raise StatefulSetError(f"the pods of {access.statefulset} can't be listed: {error}") from None
    if names & {pod["metadata"]["name"] for pod in found["items"]}:
        return False
    asked = ask_servers(access, find_pods(access))
    return {server.server.name for server in asked if server.uninitialized} >= names

"""Deletes or evicts one pod, and no other one that has its name by now."""

import json

from components.kubernetes.kubectl import Kubectl

GONE = ("Conflict", "NotFound")
"""Reasons of the API server if that very pod isn't there any more."""
REFUSED = "TooManyRequests"
"""Reason of the API server if a disruption budget doesn't let the pod go now."""


def remove_pod(kubectl: Kubectl, *, namespace: str, pod: str, uid: str) -> None:
    """Delete that very pod, whose volumes stay.

    The API server returns at once and lets it end within its grace period. Disruption budgets aren't asked,
    as by the controllers of a rollout. Raises :class:`KubectlError`: with a reason of :data:`GONE` if there
    is no such pod, or another one has its name.
    """
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}"
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
    kubectl.run(["delete", "--raw", path, "--filename=-"], stdin=json.dumps(options))


def evict_pod(kubectl: Kubectl, *, namespace: str, pod: str, uid: str) -> None:
    """Delete that very pod as far as disruption budgets allow it.

    Raises :class:`KubectlError`: with the reason :data:`REFUSED` if one forbids it now, otherwise as
    :func:`remove_pod`.
    """
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": uid}},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    kubectl.run(["create", "--raw", path, "--filename=-"], stdin=json.dumps(eviction))

"""Asks Kubernetes to evict a pod, which a disruption budget can refuse."""

import json

from components.kubernetes.kubectl import Kubectl

REFUSED = "TooManyRequests"
"""Reason of the API server if the disruption budget doesn't let the pod go now."""


def evict(kubectl: Kubectl, *, namespace: str, pod: str, uid: str) -> None:
    """Evict that very pod, and no other one that has its name by now.

    Raises :class:`KubectlError`: with the reason :data:`REFUSED` if a disruption budget forbids it now, with
    ``NotFound`` if there is no such pod, and with ``Conflict`` if another one has its name.
    """
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": uid}},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    kubectl.run(["create", "--raw", path, "--filename=-"], stdin=json.dumps(eviction))

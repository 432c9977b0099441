"""A Deployment, its ReplicaSets and their pods, as an API server gives them in the middle of a rollout."""

from collections.abc import Mapping, Sequence
from typing import Any

NAME = "vault-agent-injector"
LABELS: Mapping[str, str] = {"app.kubernetes.io/name": NAME, "component": "webhook"}
UID = "uid-of-the-deployment"
REVISION = "deployment.kubernetes.io/revision"
KEPT_APART = (
    "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules. preemption: 0/1 nodes are "
    "available: 1 No preemption victims found for incoming pod."
)
ONE_PER_NODE: Mapping[str, Any] = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": LABELS}, "topologyKey": "kubernetes.io/hostname"}
        ]
    }
}
"""The chart's own rule."""


def deployment(
    status: Mapping[str, Any], *, wanted: int = 1, seen: bool = True, paused: bool = False
) -> dict[str, Any]:
    """The Deployment at its second revision; ``seen`` by its controller or not yet."""
    return {
        "kind": "Deployment",
        "metadata": {"name": NAME, "uid": UID, "generation": 4, "annotations": {REVISION: "2"}},
        "spec": {"replicas": wanted, "selector": {"matchLabels": LABELS}, "paused": paused},
        "status": {"observedGeneration": 4 if seen else 3, **status},
    }


def replica_set(revision: int, owner: str = UID) -> dict[str, Any]:
    """The ReplicaSet of a revision."""
    return {
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{NAME}-{revision}",
            "uid": f"uid-of-{revision}",
            "labels": LABELS,
            "annotations": {REVISION: str(revision)},
            "ownerReferences": [{"kind": "Deployment", "uid": owner, "controller": True}],
        },
    }


CONTAINER: Mapping[str, Any] = {
    "name": "sidecar-injector",
    "readinessProbe": {"httpGet": {"path": "/health/ready", "port": 8080, "scheme": "HTTPS"}},
}
_OWN_NODE: Mapping[str, Any] = {"nodeName": "node-1"}
_RUNS: Mapping[str, Any] = {
    "phase": "Running",
    "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}],
    "containerStatuses": [{"ready": True, "state": {"running": {}}}],
}


def pod(
    revision: int,
    name: str = "a",
    *,
    spec: Mapping[str, Any] = _OWN_NODE,
    status: Mapping[str, Any] = _RUNS,
    **metadata: Any,
) -> dict[str, Any]:
    """A pod of a revision, which runs on the node and is ready unless something else is given."""
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"{NAME}-{revision}-{name}",
            "uid": f"uid-of-{revision}-{name}",
            "labels": LABELS,
            "ownerReferences": [{"kind": "ReplicaSet", "uid": f"uid-of-{revision}", "controller": True}],
            **metadata,
        },
        "spec": {"affinity": ONE_PER_NODE, "containers": [CONTAINER], **spec},
        "status": status,
    }


def pending(revision: int, name: str = "a", message: str = KEPT_APART, **spec: Any) -> dict[str, Any]:
    """A pod that the scheduler has no node for."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod(revision, name, spec=spec, status={"phase": "Pending", "conditions": [condition]})


def crashed(revision: int, name: str = "a", **spec: Any) -> dict[str, Any]:
    """A pod on the node whose container ends and is started again."""
    container = {
        "ready": False,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
    }
    conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}]
    status = {"phase": "Running", "conditions": conditions, "containerStatuses": [container]}
    return pod(revision, name, spec={**_OWN_NODE, **spec}, status=status)


STUCK: Sequence[Mapping[str, Any]] = (replica_set(1), replica_set(2), pod(1), pending(2))
"""The new pod waits for the only node, which the old one has."""
STUCK_STATUS: Mapping[str, int] = {"replicas": 2, "updatedReplicas": 1, "availableReplicas": 1}

"""Judges how far a Deployment's rollout is, and whether an old pod keeps a new one from starting."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.kubernetes.webhook_selection import selects

Manifest = Mapping[str, Any]

_REVISION = "deployment.kubernetes.io/revision"
"""Annotation that the Deployment and its newest ReplicaSet have with the same value."""
_KEPT_APART = "anti-affinity"
"""Part of the scheduler's words for a node on which a pod's own rule or another pod's keeps it off.

It is the last of the rules that are asked, so the node would take the pod otherwise (Kubernetes 1.30,
pkg/scheduler/apis/config/v1/default_plugins.go and framework/plugins/interpodaffinity/filtering.go).
"""


@dataclass(frozen=True)
class PodName:
    """A pod, and no other one that has its name later."""

    name: str
    uid: str


@dataclass(frozen=True)
class Obstruction:
    """A new pod that can't start while an old one is where it is."""

    new: PodName
    old: PodName
    by_port: bool
    """Whether they are on one node's network with the same port; otherwise the scheduler keeps them apart."""


@dataclass(frozen=True)
class Rollout:
    """A rollout, at the time at which it is looked at."""

    remaining: str
    """What isn't as the Deployment wants it; empty if only new pods are left and all of them serve.

    Pods that are being deleted serve no longer, so they aren't waited for.
    """
    unready: Sequence[str] = ()
    """Names of the new pods that aren't ready."""
    obstruction: Obstruction | None = None


def judge_rollout(deployment: Manifest, owned: Sequence[Manifest]) -> Rollout:
    """Judge a Deployment by its status, and by the ReplicaSets and pods among ``owned``.

    They are as the API server gives them; objects of other owners are left out of account.
    """
    replica_sets = [one for one in owned if one["kind"] == "ReplicaSet"]
    pods = [one for one in owned if one["kind"] == "Pod"]
    remaining = _remaining(deployment)
    newest = _newest(deployment, replica_sets)
    if not remaining or newest is None:
        return Rollout(remaining)
    own = {replica_set["metadata"]["uid"] for replica_set in _owned(deployment, replica_sets)}
    staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"] and not _is_ended(pod)]
    new = [pod for pod in staying if _owner(pod) == newest and not _is_ready(pod)]
    old = [pod for pod in staying if _owner(pod) in own - {newest} and "nodeName" in pod["spec"]]
    return Rollout(
        remaining,
        unready=[str(pod["metadata"]["name"]) for pod in new],
        obstruction=next(_obstructions(new, sorted(old, key=_is_ready)), None),
    )


def _remaining(deployment: Manifest) -> str:
    """Return what is missing, by the rules of `kubectl rollout status`."""
    status: Manifest = deployment.get("status") or {}
    wanted = int(deployment["spec"].get("replicas", 1))
    updated = int(status.get("updatedReplicas", 0))
    available = int(status.get("availableReplicas", 0))
    old = int(status.get("replicas", 0)) - updated
    if int(status.get("observedGeneration", 0)) < int(deployment["metadata"].get("generation", 0)):
        return "Kubernetes hasn't begun with the change yet"
    if updated < wanted:
        paused = ", and the Deployment is paused" if deployment["spec"].get("paused") else ""
        return f"{updated} of {wanted} new pods are there{paused}"
    if old > 0:
        return f"{old} of the old pods {'is' if old == 1 else 'are'} left"
    if available < updated:
        return f"{available} of {updated} new pods are ready"
    return ""


def _newest(deployment: Manifest, replica_sets: Sequence[Manifest]) -> str | None:
    """Return the uid of the ReplicaSet with the Deployment's present pod template; None if there is none."""
    revision = _revision(deployment)
    for replica_set in _owned(deployment, replica_sets):
        if revision and _revision(replica_set) == revision:
            return str(replica_set["metadata"]["uid"])
    return None


def _owned(deployment: Manifest, replica_sets: Sequence[Manifest]) -> Sequence[Manifest]:
    return [one for one in replica_sets if _owner(one) == deployment["metadata"]["uid"]]


def _revision(manifest: Manifest) -> str:
    return str((manifest["metadata"].get("annotations") or {}).get(_REVISION, ""))


def _owner(manifest: Manifest) -> str:
    """Return the uid of the object's controller; empty if it has none."""
    owners: Sequence[Manifest] = manifest["metadata"].get("ownerReferences") or ()
    return next((str(owner["uid"]) for owner in owners if owner.get("controller")), "")


def _is_ended(pod: Manifest) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _is_ready(pod: Manifest) -> bool:
    condition = _condition(pod, "Ready")
    return condition is not None and condition.get("status") == "True"


def _condition(pod: Manifest, kind: str) -> Manifest | None:
    conditions: Sequence[Manifest] = (pod.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition.get("type") == kind), None)


def _obstructions(new: Sequence[Manifest], old: Sequence[Manifest]) -> Iterator[Obstruction]:
    for pod in new:
        unscheduled = _is_kept_apart(pod)
        ended = _has_ended_container(pod)
        for other in old:
            if unscheduled and (_avoids(pod, other) or _avoids(other, pod)):
                yield Obstruction(_name(pod), _name(other), by_port=False)
            if ended and _shares_port(pod, other):
                yield Obstruction(_name(pod), _name(other), by_port=True)


def _name(pod: Manifest) -> PodName:
    return PodName(str(pod["metadata"]["name"]), str(pod["metadata"]["uid"]))


def _is_kept_apart(pod: Manifest) -> bool:
    """Return whether the scheduler found a node that would take the pod but for a rule between pods."""
    condition = _condition(pod, "PodScheduled")
    return (
        condition is not None
        and condition.get("status") == "False"
        and _KEPT_APART in str(condition.get("message"))
    )


def _avoids(pod: Manifest, other: Manifest) -> bool:
    """Return whether a rule of the pod keeps it off places where the other pod of its namespace is."""
    anti_affinity = (pod["spec"].get("affinity") or {}).get("podAntiAffinity") or {}
    terms: Sequence[Manifest] = anti_affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    labels = other["metadata"].get("labels") or {}
    return any(
        # Without a selector a term is about no pod, and with namespaces of its own about others' pods.
        term.get("labelSelector") is not None
        and not term.get("namespaces")
        and term.get("namespaceSelector") is None
        and selects(term["labelSelector"], labels)
        for term in terms
    )


def _has_ended_container(pod: Manifest) -> bool:
    containers: Sequence[Manifest] = (pod.get("status") or {}).get("containerStatuses") or ()
    return any("terminated" in {**(one.get("lastState") or {}), **one["state"]} for one in containers)


def _shares_port(pod: Manifest, other: Manifest) -> bool:
    """Return whether both listen on one port of the same node, going by the port that is probed."""
    return (
        all(one["spec"].get("hostNetwork") for one in (pod, other))
        and pod["spec"].get("nodeName") == other["spec"]["nodeName"]
        and not _probed_ports(pod).isdisjoint(_probed_ports(other))
    )


def _probed_ports(pod: Manifest) -> set[Any]:
    return {
        container["readinessProbe"]["httpGet"]["port"]
        for container in pod["spec"]["containers"]
        if "httpGet" in (container.get("readinessProbe") or {})
    }

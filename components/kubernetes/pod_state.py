"""Finds out why the pods of a StatefulSet or Deployment don't run, in Kubernetes' own words."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from components.kubernetes.kubectl import Kubectl, KubectlError

# Reasons of a container that waits for something of which only the pod's events tell.
_PREPARING = ("ContainerCreating", "PodInitializing")


@dataclass(frozen=True)
class PodState:
    """One pod that a StatefulSet or Deployment has, or should have."""

    name: str
    problem: str
    """Why it doesn't run; empty if its containers run."""
    started: bool
    """Whether a container of it has ever run, so that it may have a log."""
    running: bool = False
    """Whether all its containers run, ready or not."""


def stateful_set_pods(kubectl: Kubectl, name: str) -> Sequence[PodState]:
    """Return the state of each pod that the StatefulSet should have, in the order of their ordinals.

    Raises :class:`KubectlError`.
    """
    listed = json.loads(kubectl.run(["get", "statefulset,pod", "--output=json"]))["items"]
    return stateful_set_pods_among(kubectl, name, listed)


def stateful_set_pods_among(
    kubectl: Kubectl, name: str, listed: Sequence[Mapping[str, Any]]
) -> Sequence[PodState]:
    """Return the same from these objects; kubectl is asked for the events of those that don't run."""
    own = {(item["kind"], item["metadata"]["name"]): item for item in listed}
    stateful_set = own.get(("StatefulSet", name))
    if stateful_set is None:
        return [PodState(f"{name}-0", f"there is no StatefulSet {name}", started=False)]

    @cache
    def events() -> Sequence[str]:
        return _warnings(kubectl, stateful_set)

    states = []
    for ordinal in range(int(stateful_set["spec"]["replicas"])):
        pod_name = f"{name}-{ordinal}"
        pod = own.get(("Pod", pod_name))
        states.append(_state(kubectl, pod) if pod is not None else _not_created(pod_name, events))
    return states


def deployment_pods(kubectl: Kubectl, deployment: Mapping[str, Any]) -> Sequence[PodState]:
    """Return the state of each pod of the Deployment, and of one more if it can't create another.

    Raises :class:`KubectlError`.
    """
    selector = pod_selector(deployment)
    listed = json.loads(kubectl.run(["get", "pods", f"--selector={selector}", "--output=json"]))["items"]
    states = [_state(kubectl, pod) for pod in listed]
    refusals = [
        str(condition.get("message"))
        for condition in deployment.get("status", {}).get("conditions") or ()
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True"
    ]
    name = str(deployment["metadata"]["name"])
    if refusals or not states:
        problem = f"not created: {'; '.join(refusals)}" if refusals else "not created yet"
        states.append(PodState(f"a pod of {name}", problem, started=False))
    return states


def pod_selector(deployment: Mapping[str, Any]) -> str:
    """Return the label selector of the Deployment's pods, as kubectl takes it."""
    labels: Mapping[str, str] = deployment["spec"]["selector"]["matchLabels"]
    return ",".join(f"{label}={value}" for label, value in labels.items())


def grouped_problems(states: Sequence[PodState]) -> Sequence[str]:
    """Return one line for each problem, which names all pods that have it."""
    pods: dict[str, list[str]] = {}
    for state in states:
        if state.problem:
            pods.setdefault(state.problem, []).append(state.name)
    return [f"{', '.join(names)}: {problem}" for problem, names in pods.items()]


def _not_created(name: str, events: Callable[[], Sequence[str]]) -> PodState:
    # A controller that creates pods in parallel stops at the first refusal, which then counts for all.
    own = [text for text in events() if f"Pod {name} " in text]
    reasons = (own or events())[-1:]
    problem = f"not created: {reasons[0]}" if reasons else "not created yet"
    return PodState(name, problem, started=False)


def _state(kubectl: Kubectl, pod: Mapping[str, Any]) -> PodState:
    status: Mapping[str, Any] = pod.get("status") or {}
    containers: Sequence[Mapping[str, Any]] = [
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ]
    started = any(
        one.get("lastState") or "running" in one["state"] or "terminated" in one["state"]
        for one in containers
    )
    states = [one["state"] for one in status.get("containerStatuses") or ()]
    return PodState(
        str(pod["metadata"]["name"]),
        _problem(kubectl, pod, status, containers),
        started,
        running=bool(states) and all("running" in state for state in states),
    )


def _problem(
    kubectl: Kubectl,
    pod: Mapping[str, Any],
    status: Mapping[str, Any],
    containers: Sequence[Mapping[str, Any]],
) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "is being deleted"
    if status.get("phase") == "Failed":
        return _joined(status.get("reason") or "failed", status.get("message"))
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _joined("not scheduled", condition.get("message"))
    problem = next(filter(None, map(_container_problem, containers)), "")
    if not containers:
        problem = str(status.get("phase") or "Pending")
    if not containers or problem in _PREPARING:
        return _joined(problem, *_warnings(kubectl, pod)[-1:])
    return problem


def _container_problem(container: Mapping[str, Any]) -> str:
    state: Mapping[str, Any] = container["state"]
    before = (container.get("lastState") or {}).get("terminated")
    if "waiting" in state:
        said = _joined(state["waiting"].get("reason") or "waiting", state["waiting"].get("message"))
        return f"{said} (it ended with {_exit(before)})" if before else said
    if "terminated" in state:
        # An init container that has done its work.
        done = state["terminated"].get("exitCode") == 0
        return "" if done else f"ended with {_exit(state['terminated'])}"
    if before and not container.get("ready"):
        return f"runs again, after it ended with {_exit(before)}"
    return ""


def _exit(terminated: Mapping[str, Any]) -> str:
    reason = terminated.get("reason")
    named = f" ({reason})" if reason and reason != "Error" else ""
    return f"exit code {terminated.get('exitCode')}{named}"


def _joined(*parts: object) -> str:
    return ": ".join(str(part).strip() for part in parts if part)


def _warnings(kubectl: Kubectl, involved: Mapping[str, Any]) -> Sequence[str]:
    """Return the messages of the object's warning events, the latest one last.

    Events are kept for an hour, so those of pods that couldn't be created count only until one was.
    """
    selector = f"involvedObject.uid={involved['metadata']['uid']}"
    try:
        text = kubectl.run(["get", "events", f"--field-selector={selector}", "--output=json"])
    except KubectlError as error:
        return [f"its events can't be read: {error}"]
    events = sorted(json.loads(text)["items"], key=_last_seen)
    created = max((_last_seen(event) for event in events if _created_pod(event)), default="")
    return [
        " ".join(str(event.get("message", "")).split())
        for event in events
        if event.get("type") == "Warning" and _last_seen(event) >= created
    ]


def _created_pod(event: Mapping[str, Any]) -> bool:
    # A StatefulSet tells of its claims with the same reason.
    return event.get("reason") == "SuccessfulCreate" and str(event.get("message")).startswith("create Pod ")


def _last_seen(event: Mapping[str, Any]) -> str:
    return str(
        (event.get("series") or {}).get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp")
        or ""
    )

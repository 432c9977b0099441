"""Why pods don't run: the words of the scheduler, the node, admission and quota, for each of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.kubernetes.pod_state import (
    PodState,
    deployment_pods,
    grouped_problems,
    stateful_set_pods,
)
from tests.unit.fakes.kubectl_in_process import provide_objects
from tests.unit.fakes.kubernetes_objects import KubernetesObjects

KUBECTL = Kubectl(KubernetesTarget(kubeconfig="", context="here", namespace="secrets"))
RUNNING = {"phase": "Running", "containerStatuses": [{"ready": True, "state": {"running": {}}}]}


def waiting(reason: str, message: str = "", **more: Any) -> Mapping[str, Any]:
    return {
        "phase": "Pending",
        "containerStatuses": [{"state": {"waiting": {"reason": reason, "message": message}}, **more}],
    }


UNSCHEDULED = {
    "phase": "Pending",
    "conditions": [
        {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Too many pods."}
    ],
}
KILLED = {"lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    objects = KubernetesObjects(tmp_path / "objects")
    objects.put("statefulset", "vault", spec={"replicas": 3}, metadata={"uid": "of the set"})
    provide_objects(monkeypatch, objects)
    return objects


def add_event(objects: KubernetesObjects, uid: str, message: str, at: str = "T1", **more: Any) -> None:
    objects.put(
        "event",
        f"{uid}.{at}".replace(" ", "-"),
        involvedObject={"uid": uid},
        message=message,
        lastTimestamp=at,
        **{"type": "Warning", **more},
    )


@pytest.mark.parametrize(
    ("status", "problem", "started"),
    [
        (RUNNING, "", True),
        (UNSCHEDULED, "not scheduled: 0/1 nodes are available: 1 Too many pods.", False),
        (waiting("ImagePullBackOff", "no such image"), "ImagePullBackOff: no such image", False),
        (
            waiting(
                "CrashLoopBackOff",
                "back-off 10s",
                lastState={"terminated": {"exitCode": 1, "reason": "Error"}},
            ),
            "CrashLoopBackOff: back-off 10s (it ended with exit code 1)",
            True,
        ),
        (
            {"containerStatuses": [{"ready": False, "state": {"running": {}}, **KILLED}]},
            "runs again, after it ended with exit code 137 (OOMKilled)",
            True,
        ),
        ({"containerStatuses": [{"ready": True, "state": {"running": {}}, **KILLED}]}, "", True),
        (
            {"containerStatuses": [{"state": {"terminated": {"exitCode": 2}}}]},
            "ended with exit code 2",
            True,
        ),
        (
            {
                "initContainerStatuses": [{"state": {"terminated": {"exitCode": 0}}}],
                "containerStatuses": [{"ready": True, "state": {"running": {}}}],
            },
            "",
            True,
        ),
        (
            {"phase": "Failed", "reason": "Evicted", "message": "low on memory"},
            "Evicted: low on memory",
            False,
        ),
        (waiting("ContainerCreating"), "ContainerCreating", False),
        ({"phase": "Pending"}, "Pending", False),
    ],
)
def test_state_of_one_pod(
    objects: KubernetesObjects, status: Mapping[str, Any], problem: str, started: bool
) -> None:
    objects.put("statefulset", "vault", spec={"replicas": 1})
    objects.put("pod", "vault-0", status=status)
    running = problem == "" or problem.startswith("runs again")
    assert stateful_set_pods(KUBECTL, "vault") == [PodState("vault-0", problem, started, running)]


def test_pod_that_is_being_deleted(objects: KubernetesObjects) -> None:
    objects.put("statefulset", "vault", spec={"replicas": 1})
    objects.put("pod", "vault-0", status=RUNNING, metadata={"deletionTimestamp": "T1"})
    assert [state.problem for state in stateful_set_pods(KUBECTL, "vault")] == ["is being deleted"]


def test_pod_that_waits_for_its_volumes_is_told_by_its_latest_event(objects: KubernetesObjects) -> None:
    objects.put("statefulset", "vault", spec={"replicas": 1})
    objects.put("pod", "vault-0", status=waiting("ContainerCreating"), metadata={"uid": "of the pod"})
    add_event(objects, "of the pod", "Multi-Attach error", "T2")
    add_event(objects, "of the pod", "network not ready", "T1")
    add_event(objects, "of another pod", "something else", "T3")
    assert [state.problem for state in stateful_set_pods(KUBECTL, "vault")] == [
        "ContainerCreating: Multi-Attach error"
    ]


def test_every_pod_has_its_own_reason(objects: KubernetesObjects) -> None:
    objects.put("pod", "vault-0", status=RUNNING)
    objects.put("pod", "vault-1", status=UNSCHEDULED)
    objects.put("pod", "vault-2", status=UNSCHEDULED)
    objects.put("pod", "vault-3", status=waiting("of another StatefulSet, or surplus"))
    assert grouped_problems(stateful_set_pods(KUBECTL, "vault")) == [
        "vault-1, vault-2: not scheduled: 0/1 nodes are available: 1 Too many pods."
    ]


def test_pods_that_admission_refuses(objects: KubernetesObjects) -> None:
    """The controller stops at the first refusal, so one event counts for every pod."""
    refused = 'pods "vault-0" is forbidden: violates PodSecurity "restricted:latest": seccompProfile'
    message = f"create Pod vault-0 in StatefulSet vault failed error: {refused}"
    add_event(objects, "of the set", message)
    assert grouped_problems(stateful_set_pods(KUBECTL, "vault")) == [
        f"vault-0, vault-1, vault-2: not created: {message}"
    ]


def test_pod_beyond_the_quota(objects: KubernetesObjects) -> None:
    for ordinal in (0, 1):
        objects.put("pod", f"vault-{ordinal}", status=RUNNING)
    add_event(objects, "of the set", "create Pod vault-2 in StatefulSet vault failed: exceeded quota", "T1")
    add_event(objects, "of the set", "create Pod vault-1 in StatefulSet vault failed: long ago", "T2")
    assert grouped_problems(stateful_set_pods(KUBECTL, "vault")) == [
        "vault-2: not created: create Pod vault-2 in StatefulSet vault failed: exceeded quota"
    ]


def test_refusal_before_a_pod_was_created_is_over(objects: KubernetesObjects) -> None:
    def tell(what: str, at: str, **more: Any) -> None:
        add_event(objects, "of the set", f"create {what}", at, **more)

    created = {"type": "Normal", "reason": "SuccessfulCreate"}
    problem = "vault-0, vault-1, vault-2: not created"
    tell("Pod vault-0 in StatefulSet vault failed", "T1")
    tell("Claim data-vault-0 Pod vault-0 in StatefulSet vault success", "T2", **created)
    assert grouped_problems(stateful_set_pods(KUBECTL, "vault")) == [
        f"{problem}: create Pod vault-0 in StatefulSet vault failed"
    ]
    tell("Pod vault-0 in StatefulSet vault successful", "T3", **created)
    assert grouped_problems(stateful_set_pods(KUBECTL, "vault")) == [f"{problem} yet"]
    tell("Pod vault-0 in StatefulSet vault failed again", "T4")
    assert grouped_problems(stateful_set_pods(KUBECTL, "vault")) == [
        f"{problem}: create Pod vault-0 in StatefulSet vault failed again"
    ]


@pytest.mark.usefixtures("objects")
def test_pods_that_are_not_created_yet() -> None:
    assert grouped_problems(stateful_set_pods(KUBECTL, "vault")) == [
        "vault-0, vault-1, vault-2: not created yet"
    ]


def test_events_that_may_not_be_read(objects: KubernetesObjects) -> None:
    objects.fail("get events", "Error from server (Forbidden): events is forbidden")
    assert grouped_problems(stateful_set_pods(KUBECTL, "vault")) == [
        "vault-0, vault-1, vault-2: not created: its events can't be read: "
        "Error from server (Forbidden): events is forbidden"
    ]


def test_no_stateful_set(objects: KubernetesObjects) -> None:
    objects.remove("statefulset", "vault")
    assert stateful_set_pods(KUBECTL, "vault") == [
        PodState("vault-0", "there is no StatefulSet vault", started=False)
    ]


def test_pods_that_cannot_be_listed(objects: KubernetesObjects) -> None:
    objects.fail("statefulset,pod", "refused")
    with pytest.raises(KubectlError, match="refused"):
        stateful_set_pods(KUBECTL, "vault")


LABELS = {"app.kubernetes.io/name": "vault-agent-injector"}


def injector(*conditions: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "metadata": {"name": "vault-agent-injector"},
        "spec": {"selector": {"matchLabels": LABELS}},
        "status": {"conditions": conditions},
    }


def test_pods_of_a_deployment(objects: KubernetesObjects) -> None:
    objects.put("pod", "injector-1", metadata={"labels": LABELS}, status=waiting("ErrImagePull", "denied"))
    objects.put("pod", "vault-0", status=UNSCHEDULED)
    assert deployment_pods(KUBECTL, injector()) == [
        PodState("injector-1", "ErrImagePull: denied", started=False)
    ]


@pytest.mark.parametrize(
    ("conditions", "problem"),
    [
        (
            [
                {"type": "Progressing", "status": "True", "message": "created"},
                {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"},
            ],
            "not created: exceeded quota",
        ),
        ([{"type": "ReplicaFailure", "status": "False", "message": "once"}], "not created yet"),
        ([], "not created yet"),
    ],
)
def test_pods_that_a_deployment_cannot_create(
    objects: KubernetesObjects, conditions: list[Mapping[str, Any]], problem: str
) -> None:
    assert objects.names("pod") == []
    assert deployment_pods(KUBECTL, injector(*conditions)) == [
        PodState("a pod of vault-agent-injector", problem, started=False)
    ]

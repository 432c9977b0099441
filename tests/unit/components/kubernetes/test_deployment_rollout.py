"""How far a rollout is, and which old pod is in the way of which new one."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from components.kubernetes.deployment_rollout import Obstruction, PodName, judge_rollout
from tests.unit.fakes.rolled_deployment import (
    LABELS,
    NAME,
    REVISION,
    STUCK,
    STUCK_STATUS,
    crashed,
    deployment,
    pending,
    pod,
    replica_set,
)

SETS = (replica_set(1), replica_set(2))
NEW, OLD = PodName(f"{NAME}-2-a", "uid-of-2-a"), PodName(f"{NAME}-1-a", "uid-of-1-a")
ON_NODE: Mapping[str, Any] = {"hostNetwork": True, "affinity": None, "nodeName": "node-1"}


def counted(pods: int, new: int, available: int) -> Mapping[str, int]:
    """The status of a Deployment with so many pods, new ones and available ones."""
    return {"replicas": pods, "updatedReplicas": new, "availableReplicas": available}


@pytest.mark.parametrize(
    ("found", "remaining"),
    [
        (deployment(counted(1, 1, 1)), ""),
        (deployment(counted(2, 2, 2), wanted=2), ""),
        (deployment(counted(1, 1, 1), seen=False), "Kubernetes hasn't begun with the change yet"),
        (deployment({}), "0 of 1 new pods are there"),
        (deployment(counted(3, 1, 2), wanted=2), "1 of 2 new pods are there"),
        (deployment(counted(2, 1, 1)), "1 of the old pods is left"),
        (deployment(counted(4, 2, 2), wanted=2), "2 of the old pods are left"),
        (deployment(counted(2, 2, 1), wanted=2), "1 of 2 new pods are ready"),
        (
            deployment(counted(1, 0, 1), paused=True),
            "0 of 1 new pods are there, and the Deployment is paused",
        ),
        (deployment(counted(1, 1, 1), paused=True), ""),
    ],
)
def test_what_is_left_of_a_rollout(found: Mapping[str, Any], remaining: str) -> None:
    assert judge_rollout(found, SETS).remaining == remaining


def test_new_pod_waits_for_the_place_of_the_old_one() -> None:
    rollout = judge_rollout(deployment(STUCK_STATUS), STUCK)
    assert rollout.obstruction == Obstruction(NEW, OLD, by_port=False)
    assert rollout.unready == [NEW.name]


def test_rule_of_the_old_pod_alone_keeps_the_new_one_away() -> None:
    """As on the way from the chart's rule to none (hashicorp/vault-helm#914)."""
    message = "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules."
    pods = (pod(1), pending(2, message=message, affinity=None))
    rollout = judge_rollout(deployment(STUCK_STATUS), (*SETS, *pods))
    assert rollout.obstruction == Obstruction(NEW, OLD, by_port=False)


def rule(**term: Any) -> Mapping[str, Any]:
    """An affinity with one rule on which pods to avoid."""
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


OWN: Mapping[str, Any] = {"matchLabels": LABELS}
OTHER: Mapping[str, Any] = {"matchLabels": {"app": "other"}}
PLAIN = pod(1, spec={"nodeName": "node-1", "affinity": None})


@pytest.mark.parametrize(
    "pods",
    [
        pytest.param((pod(1), pending(2, message="1 Insufficient cpu.")), id="no room"),
        pytest.param(
            (PLAIN, pending(2, affinity=rule(labelSelector={"matchLabels": {"a": "b"}}))), id="others"
        ),
        pytest.param((PLAIN, pending(2, affinity=rule())), id="no selector"),
        pytest.param((PLAIN, pending(2, affinity=rule(labelSelector=OWN, namespaces=["b"]))), id="namespace"),
        pytest.param((PLAIN, pending(2, affinity=rule(labelSelector=OWN, namespaceSelector={}))), id="any"),
        pytest.param((pending(1), pending(2)), id="the old one has no place either"),
        pytest.param((pod(1, deletionTimestamp="now"), pending(2)), id="the old one goes"),
        pytest.param((pod(1, status={"phase": "Failed"}), pending(2)), id="the old one has ended"),
        pytest.param((pod(1),), id="no new one yet"),
        pytest.param((pod(3), pending(2)), id="the other one is of another owner"),
        pytest.param((pod(1), pod(2)), id="the new one is ready"),
        pytest.param((pod(1), crashed(2)), id="each has a network of its own"),
        pytest.param((pod(1), crashed(2, **ON_NODE)), id="the old one has a network of its own"),
        pytest.param((pod(1, spec=ON_NODE), crashed(2, **{**ON_NODE, "nodeName": "b"})), id="another node"),
        pytest.param(
            (pod(1, spec={**ON_NODE, "containers": [{"name": "one"}]}), crashed(2, **ON_NODE)),
            id="another port",
        ),
    ],
)
def test_old_pod_that_is_not_in_the_way(pods: Sequence[Mapping[str, Any]]) -> None:
    foreign = replica_set(3, owner="uid-of-another")
    assert judge_rollout(deployment(STUCK_STATUS), (*SETS, foreign, *pods)).obstruction is None


def test_old_pod_has_the_port_of_the_node() -> None:
    pods = (pod(1, spec=ON_NODE), crashed(2, **ON_NODE))
    rollout = judge_rollout(deployment(STUCK_STATUS), (*SETS, *pods))
    assert rollout.obstruction == Obstruction(NEW, OLD, by_port=True)


def test_old_pod_that_is_not_ready_makes_way_first() -> None:
    pods = (pod(1, "a"), pending(2), crashed(1, "b"))
    rollout = judge_rollout(deployment(counted(3, 1, 1), wanted=2), (*SETS, *pods))
    assert rollout.obstruction is not None
    assert rollout.obstruction.old.name == f"{NAME}-1-b"


def test_nothing_is_in_the_way_of_a_rollout_that_is_done() -> None:
    assert judge_rollout(deployment(counted(1, 1, 1)), STUCK).obstruction is None


def test_newest_replica_set_is_the_one_with_the_deployments_revision() -> None:
    """Setting a change back makes an older ReplicaSet the newest one again, with another revision."""
    back = {**replica_set(1), "metadata": {**replica_set(1)["metadata"], "annotations": {REVISION: "3"}}}
    found = deployment(STUCK_STATUS)
    found["metadata"]["annotations"] = {REVISION: "3"}
    rollout = judge_rollout(found, (back, replica_set(2), pending(1), pod(2)))
    assert rollout.obstruction == Obstruction(OLD, NEW, by_port=False)

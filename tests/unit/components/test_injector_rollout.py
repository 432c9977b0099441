"""The resource that waits for the injector's pods, with a cluster that obeys the test."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from components import injector_rollout
from components.errors import DeploymentError
from components.injector_rollout import InjectorRolloutProvider
from components.kubernetes.kubectl import Kubectl, KubectlError
from components.kubernetes.pod_removal import remove_pod
from tests.unit.fakes.kubectl_answers import TARGET
from tests.unit.fakes.kubectl_in_process import provide_objects
from tests.unit.fakes.kubernetes_objects import KubernetesObjects
from tests.unit.fakes.rolled_deployment import (
    NAME,
    STUCK,
    STUCK_STATUS,
    crashed,
    deployment,
    pod,
    replica_set,
)

DONE = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
OLD, NEW = f"{NAME}-1-a", f"{NAME}-2-a"
ON_NODE: Mapping[str, Any] = {"hostNetwork": True, "affinity": None, "nodeName": "node-1"}
PORT_TAKEN = "Error listening: listen tcp :8080: bind: address already in use"


def inputs(**changed: Any) -> dict[str, Any]:
    return {
        "target": TARGET.to_properties(),
        "deployment": NAME,
        "release_revision": 2,
        "webhook_seconds": 0.3,
        "clears_the_way": True,
        **changed,
    }


class InjectorCluster(KubernetesObjects):
    """A cluster with one node, and its injector in the middle of a rollout."""

    logs: Mapping[str, str] = {}

    def show(self, found: Mapping[str, Any], *owned: Mapping[str, Any]) -> None:
        """Put the Deployment there, and of its pods and ReplicaSets only these."""
        for kind in ("pod", "replicaset"):
            for name in self.names(kind):
                self.remove(kind, name)
        for each in (found, *owned):
            content = {part: value for part, value in each.items() if part != "kind"}
            self.put(each["kind"].lower(), each["metadata"]["name"], **content)

    def finish(self) -> None:
        """Let the new pod be ready and the only one."""
        self.show(deployment(DONE), replica_set(1), replica_set(2), pod(2))


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InjectorCluster:
    cluster = InjectorCluster(tmp_path / "objects")
    provide_objects(monkeypatch, cluster)
    monkeypatch.setattr(Kubectl, "log_tail", lambda _, name, **__: cluster.logs.get(name, "(no log yet)"))
    monkeypatch.setattr(injector_rollout, "OBSTRUCTED_SECONDS", 0)
    cluster.show(deployment(STUCK_STATUS), *STUCK)
    return cluster


@pytest.fixture
def after_deletion(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], list[str]]:
    """A function that sets what Kubernetes does once a pod is deleted; returns the deleted pods' names."""

    def set_up(follow: Callable[[], None]) -> list[str]:
        deleted: list[str] = []

        def remove_and_follow(kubectl: Kubectl, *, namespace: str, pod: str, uid: str) -> None:
            deleted.append(pod)
            try:
                remove_pod(kubectl, namespace=namespace, pod=pod, uid=uid)
            finally:
                follow()

        monkeypatch.setattr(injector_rollout, "remove_pod", remove_and_follow)
        return deleted

    return set_up


def failure(**changed: Any) -> str:
    with pytest.raises(DeploymentError) as raised:
        InjectorRolloutProvider().create(inputs(**changed))
    return str(raised.value)


def test_rollout_at_its_end_is_not_waited_for(cluster: InjectorCluster) -> None:
    cluster.finish()
    result = InjectorRolloutProvider().create(inputs())
    assert (result.id, result.outs) == (f"secrets/{NAME}", inputs())


def test_old_pod_in_the_way_is_deleted(
    cluster: InjectorCluster,
    after_deletion: Callable[[Callable[[], None]], list[str]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    deleted = after_deletion(cluster.finish)
    InjectorRolloutProvider().create(inputs(webhook_seconds=20))
    assert deleted == [OLD]
    said = capfd.readouterr().err
    assert f"{NEW} has waited 0 s for the place of its old pod {OLD}, which is deleted now" in said


def test_update_waits_again(
    cluster: InjectorCluster, after_deletion: Callable[[Callable[[], None]], list[str]]
) -> None:
    deleted = after_deletion(cluster.finish)
    news = inputs(release_revision=3, webhook_seconds=20)
    assert InjectorRolloutProvider().update("id", inputs(), news).outs == news
    assert deleted == [OLD]


def test_old_pod_that_comes_back_first_is_deleted_again(
    cluster: InjectorCluster, after_deletion: Callable[[Callable[[], None]], list[str]]
) -> None:
    """The old ReplicaSet still wants its pod, and its new one may get the place."""
    again = pod(1, "b")

    def follow() -> None:
        if deleted == [OLD]:
            cluster.show(deployment(STUCK_STATUS), replica_set(1), replica_set(2), again, STUCK[-1])
        else:
            cluster.finish()

    deleted = after_deletion(follow)
    InjectorRolloutProvider().create(inputs(webhook_seconds=20))
    assert deleted == [OLD, f"{NAME}-1-b"]


def test_old_pod_makes_way_only_after_a_while(
    cluster: InjectorCluster,
    after_deletion: Callable[[Callable[[], None]], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(injector_rollout, "OBSTRUCTED_SECONDS", 30)
    deleted = after_deletion(cluster.finish)
    said = failure(webhook_seconds=1)
    assert deleted == []
    assert f"The injector {NAME} isn't ready: 1 of the old pods is left" in said
    assert f"{NEW}: not scheduled: 0/1 nodes are available" in said
    assert said.endswith("run pulumi up again. Until then the 1 that are ready answer.")


def test_pods_of_a_release_of_others_are_left_to_them(
    cluster: InjectorCluster, after_deletion: Callable[[Callable[[], None]], list[str]]
) -> None:
    deleted = after_deletion(cluster.finish)
    said = failure(clears_the_way=False)
    assert deleted == []
    assert (
        f"{NEW} needs the place of {OLD}: kubectl --context=here --namespace=secrets delete pod {OLD}" in said
    )


def test_right_to_delete_that_is_missing_is_told_with_the_line_to_type(cluster: InjectorCluster) -> None:
    cluster.fail("delete", 'Error from server (Forbidden): pods "injector" is forbidden')
    said = failure(webhook_seconds=20)
    assert f"The injector's old pod {OLD} can't be deleted: Error from server (Forbidden)" in said
    assert said.endswith(f"kubectl --context=here --namespace=secrets delete pod {OLD}")


@pytest.mark.parametrize("reason", ["NotFound", "Conflict", "InternalError"])
def test_old_pod_that_somebody_else_deletes_is_no_error(
    cluster: InjectorCluster, after_deletion: Callable[[Callable[[], None]], list[str]], reason: str
) -> None:
    def follow() -> None:
        cluster.recover()
        cluster.finish()

    after_deletion(follow)
    cluster.fail("delete", f'Error from server ({reason}): pods "injector"')
    InjectorRolloutProvider().create(inputs(webhook_seconds=20))


def test_right_to_look_that_is_missing_ends_the_wait(cluster: InjectorCluster) -> None:
    cluster.fail("replicasets", "Error from server (Forbidden): replicasets.apps is forbidden")
    with pytest.raises(KubectlError, match="replicasets"):
        InjectorRolloutProvider().create(inputs(webhook_seconds=20))


@pytest.mark.parametrize(("log", "deleted"), [(PORT_TAKEN, [OLD]), ("unknown flag", [])])
def test_old_pod_that_has_the_port_is_deleted_only_if_that_is_why_the_new_one_ends(
    cluster: InjectorCluster,
    after_deletion: Callable[[Callable[[], None]], list[str]],
    log: str,
    deleted: list[str],
) -> None:
    cluster.show(
        deployment(STUCK_STATUS),
        *(replica_set(1), replica_set(2), pod(1, spec=ON_NODE), crashed(2, **ON_NODE)),
    )
    cluster.logs = {NEW: log}
    found = after_deletion(cluster.finish)
    if deleted:
        InjectorRolloutProvider().create(inputs(webhook_seconds=20))
    else:
        assert f"The last log lines of {NEW}:\n{log}" in failure()
    assert found == deleted


def test_injector_that_never_runs_is_told_with_reason_and_log(cluster: InjectorCluster) -> None:
    cluster.show(
        deployment({"replicas": 1, "updatedReplicas": 1}),
        *(replica_set(2), crashed(2)),
    )
    cluster.logs = {NEW: "bad flag"}
    said = failure()
    assert said.splitlines()[:4] == [
        f"The injector {NAME} isn't ready: 0 of 1 new pods are ready",
        f"{NEW}: CrashLoopBackOff (it ended with exit code 1)",
        f"The last log lines of {NEW}:",
        "bad flag",
    ]
    assert said.endswith("may start without them, or with injector.failurePolicy Fail not at all.")


def test_log_of_an_old_pod_that_serves_is_left_out(cluster: InjectorCluster) -> None:
    cluster.show(
        deployment(STUCK_STATUS), *(replica_set(1), replica_set(2), pod(1), crashed(2, nodeName="node-2"))
    )
    cluster.logs = {OLD: "serves", NEW: "bad flag"}
    said = failure()
    assert "bad flag" in said
    assert "serves" not in said


@pytest.mark.parametrize(
    ("clears_the_way", "fix"), [(True, "run pulumi up --refresh"), (False, "install the chart")]
)
def test_injector_that_is_gone(cluster: InjectorCluster, clears_the_way: bool, fix: str) -> None:
    cluster.remove("deployment", NAME)
    assert failure(clears_the_way=clears_the_way).startswith(f"The injector {NAME} doesn't exist: {fix}")


def test_cluster_that_does_not_answer(cluster: InjectorCluster) -> None:
    cluster.fail(".*", "Unable to connect to the server")
    assert failure() == f"The injector {NAME} can't be looked at: Unable to connect to the server"


def test_what_is_waited_for_is_said_meanwhile(
    cluster: InjectorCluster,
    after_deletion: Callable[[Callable[[], None]], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("components.progress.LINE_SECONDS", 0)
    monkeypatch.setattr(injector_rollout, "OBSTRUCTED_SECONDS", 0.2)
    after_deletion(cluster.finish)
    InjectorRolloutProvider().create(inputs(webhook_seconds=20))
    said = capfd.readouterr().err
    assert f"Waiting for the injector's pods: 1 of the old pods is left; {NEW}: not scheduled: " in said


def test_state_that_cannot_be_read_is_left_out_of_the_line(
    cluster: InjectorCluster, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("components.progress.LINE_SECONDS", 0)
    cluster.fail("get", "Unable to connect to the server")
    failure()
    assert "Waiting for the injector's pods: Unable to connect to the server (" in capfd.readouterr().err


@pytest.mark.parametrize("changed", [{"release_revision": 3}, {"clears_the_way": False}, {}])
def test_every_release_is_waited_for(changed: dict[str, Any]) -> None:
    result = InjectorRolloutProvider().diff("id", inputs(), inputs(**changed))
    assert result.changes is bool(changed)
    assert result.replaces == []

"""The deletion or eviction of one pod, and of none that has taken its name."""

import json
from pathlib import Path

import pytest

from components.kubernetes.kubectl import Kubectl, KubectlError
from components.kubernetes.pod_removal import GONE, REFUSED, evict_pod, remove_pod
from tests.unit.fakes.kubectl_answers import TARGET
from tests.unit.fakes.kubectl_in_process import provide_objects
from tests.unit.fakes.kubernetes_objects import KubernetesObjects


def remove(*, uid: str) -> None:
    remove_pod(Kubectl(TARGET), namespace="secrets", pod="injector", uid=uid)


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    objects = KubernetesObjects(tmp_path / "objects")
    provide_objects(monkeypatch, objects)
    objects.put("pod", "injector", metadata={"uid": "one"})
    return objects


def test_pod_is_deleted(objects: KubernetesObjects) -> None:
    remove(uid="one")
    assert objects.names("pod") == []


@pytest.mark.usefixtures("objects")
def test_pod_that_is_gone() -> None:
    remove(uid="one")
    with pytest.raises(KubectlError) as raised:
        remove(uid="one")
    assert raised.value.reason in GONE


def test_pod_of_the_same_name_is_left_alone(objects: KubernetesObjects) -> None:
    with pytest.raises(KubectlError) as raised:
        remove(uid="another")
    assert raised.value.reason in GONE
    assert objects.names("pod") == ["injector"]


def evict(*, uid: str) -> None:
    evict_pod(Kubectl(TARGET), namespace="secrets", pod="injector", uid=uid)


def test_pod_is_evicted(objects: KubernetesObjects) -> None:
    evict(uid="one")
    assert objects.names("pod") == []
    (call,) = objects.calls
    assert "/api/v1/namespaces/secrets/pods/injector/eviction" in call


def test_pod_of_the_same_name_is_not_evicted(objects: KubernetesObjects) -> None:
    with pytest.raises(KubectlError) as raised:
        evict(uid="another")
    assert raised.value.reason in GONE
    assert objects.names("pod") == ["injector"]


def test_budget_refuses_an_eviction_with_a_reason_of_its_own(objects: KubernetesObjects) -> None:
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    objects.fail("eviction", f"Error from server (TooManyRequests): {message}")
    with pytest.raises(KubectlError) as raised:
        evict(uid="one")
    assert raised.value.reason == REFUSED


def test_body_is_an_eviction_of_that_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def run(_: Kubectl, _arguments: object, *, stdin: str, **_options: object) -> str:
        sent.append(stdin)
        return ""

    monkeypatch.setattr(Kubectl, "run", run)
    evict(uid="one")
    assert json.loads(sent[0]) == {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "injector", "namespace": "secrets"},
        "deleteOptions": {"preconditions": {"uid": "one"}},
    }

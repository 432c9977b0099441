"""An eviction names the very pod, and goes through what a disruption budget allows."""

import json
from pathlib import Path

import pytest

from components.kubernetes.eviction import REFUSED, evict
from components.kubernetes.kubectl import Kubectl, KubectlError
from tests.unit.fakes.init_inputs import TARGET
from tests.unit.fakes.kubectl_in_process import provide_objects
from tests.unit.fakes.kubernetes_objects import KubernetesObjects


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    objects = KubernetesObjects(tmp_path / "objects")
    objects.put("pod", "vault-1", metadata={"uid": "of vault-1"})
    provide_objects(monkeypatch, objects)
    return objects


def evicted(uid: str = "of vault-1") -> None:
    evict(Kubectl(TARGET), namespace="secrets", pod="vault-1", uid=uid)


def test_the_pod_goes(objects: KubernetesObjects) -> None:
    evicted()
    assert objects.get("pod", "vault-1") is None
    (call,) = objects.calls
    assert "/api/v1/namespaces/secrets/pods/vault-1/eviction" in call


def test_another_pod_of_that_name_stays(objects: KubernetesObjects) -> None:
    with pytest.raises(KubectlError) as error:
        evicted("of an earlier pod")
    assert error.value.reason == "Conflict"
    assert objects.get("pod", "vault-1") is not None


def test_budget_refuses_with_its_own_reason(objects: KubernetesObjects) -> None:
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    objects.fail("eviction", f"Error from server (TooManyRequests): {message}")
    with pytest.raises(KubectlError) as error:
        evicted()
    assert error.value.reason == REFUSED


def test_body_is_an_eviction_of_that_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def run(_: Kubectl, _arguments: object, *, stdin: str, **_options: object) -> str:
        sent.append(stdin)
        return ""

    monkeypatch.setattr(Kubectl, "run", run)
    evicted()
    assert json.loads(sent[0]) == {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "vault-1", "namespace": "secrets"},
        "deleteOptions": {"preconditions": {"uid": "of vault-1"}},
    }

"""The deletion of one pod, and of none that has taken its name."""

from pathlib import Path

import pytest

from components.kubernetes.kubectl import Kubectl, KubectlError
from components.kubernetes.pod_removal import GONE, remove_pod
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

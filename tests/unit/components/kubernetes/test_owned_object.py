"""Objects of the program's own: never those of somebody else, and never a version that wasn't seen."""

import base64
from pathlib import Path

import pytest

from components.kubernetes.kubectl import KubectlError, KubernetesTarget
from components.kubernetes.owned_object import ForeignObjectError, OwnedObject, OwnedSecret, SeenObject
from tests.unit.fakes.kubectl_in_process import provide_objects
from tests.unit.fakes.kubernetes_objects import KubernetesObjects

TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")
LEASE = OwnedObject(TARGET, "coordination.k8s.io/v1", "Lease", "own")
SECRET = OwnedSecret(TARGET, "own", "entry")


@pytest.fixture(autouse=True)
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KubernetesObjects:
    objects = KubernetesObjects(tmp_path)
    provide_objects(monkeypatch, objects)
    return objects


def test_secret_is_created_replaced_and_deleted(objects: KubernetesObjects) -> None:
    assert SECRET.read() is None
    first = SECRET.write("one", None)
    assert first.secret_text("entry") == "one"
    second = SECRET.write("two", first)
    found = SECRET.read()
    assert found is not None
    assert found.secret_text("entry") == "two"
    assert (found.uid, found.resource_version) == (first.uid, second.resource_version)
    assert found.document["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "vault-autounseal"}
    with pytest.raises(KubectlError, match="Conflict"):
        SECRET.delete(first)
    SECRET.delete(found)
    assert objects.get("secret", "own") is None


def test_version_that_was_not_seen_is_not_replaced(objects: KubernetesObjects) -> None:
    seen = SECRET.write("one", None)
    objects.put("secret", "own")
    with pytest.raises(KubectlError, match="Conflict"):
        SECRET.write("two", seen)
    with pytest.raises(KubectlError, match="AlreadyExists"):
        SECRET.write("two", None)


@pytest.mark.parametrize("kind", ["secret", "lease"])
def test_object_that_is_gone_is_not_made_anew_by_a_replacement(objects: KubernetesObjects, kind: str) -> None:
    content = {"spec": {"holderIdentity": "x"}}
    seen = SECRET.write("one", None) if kind == "secret" else LEASE.create(content)
    objects.remove(kind, "own")
    with pytest.raises(KubectlError) as raised:
        if kind == "secret":
            SECRET.write("two", seen)
        else:
            LEASE.replace(content, seen)
    assert raised.value.reason in ("NotFound", "Conflict")
    assert objects.get(kind, "own") is None


def test_object_is_asked_for_by_its_group(objects: KubernetesObjects) -> None:
    LEASE.read()
    SECRET.read()
    asked = [call[call.index("get") + 1] for call in objects.calls]
    assert asked == ["lease.coordination.k8s.io", "secret"]


def test_object_of_another_uid_is_not_replaced(objects: KubernetesObjects) -> None:
    seen = SECRET.write("one", None)
    objects.remove("secret", "own")
    SECRET.write("somebody's later one", None)
    with pytest.raises(KubectlError, match="Conflict"):
        SECRET.write("two", seen)


@pytest.mark.parametrize("labels", [None, {}, {"app.kubernetes.io/managed-by": "Helm"}])
def test_object_of_somebody_else_is_refused(
    objects: KubernetesObjects, labels: dict[str, str] | None
) -> None:
    objects.put("secret", "own", metadata={"labels": labels}, data={})
    with pytest.raises(ForeignObjectError, match="Secret secrets/own wasn't made by this program"):
        SECRET.read()


@pytest.mark.parametrize(
    "data", [None, {}, {"other": "eA=="}, {"entry": "%"}, {"entry": base64.b64encode(b"\xff").decode()}]
)
def test_entry_that_cannot_be_decoded_is_none(data: dict[str, str] | None) -> None:
    assert SeenObject({"metadata": {}, "data": data}).secret_text("entry") is None

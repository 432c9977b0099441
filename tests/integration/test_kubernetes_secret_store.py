"""The store that is a Kubernetes Secret, on a real API server and with no more rights than it takes."""

import base64
import json
from dataclasses import replace
from uuid import uuid4

import pytest

from components.custody.key_store import KeyStoreError, KeyStoreUnavailableError
from components.custody.stores.kubernetes_secret import Store
from components.kubernetes.kubectl import KubernetesTarget
from tests.built_tools import built_tools
from tests.integration.control_plane import ControlPlane
from tests.unit.fakes.key_records import ROOT_TOKEN, key_record

VERBS = ("get", "create", "update", "delete")


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane) -> ControlPlane:
    """With a user who has no rights yet."""
    control_plane.add_user("keeper")
    return control_plane


@pytest.fixture
def target(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> KubernetesTarget:
    """The cluster as the keeper reaches it."""
    monkeypatch.setenv("PATH", str(built_tools().kubectl.parent), prepend=":")
    return KubernetesTarget(
        kubeconfig=str(plane.folder / "keeper.kubeconfig"), context="here", namespace="vault"
    )


@pytest.fixture
def store(plane: ControlPlane) -> Store:
    """In a namespace of its own, where the keeper has the rights that the store takes."""
    namespace = f"custody-{uuid4().hex[:8]}"
    plane.kubectl("create", "namespace", namespace)
    plane.grant("keeper", namespace, "secrets", VERBS)
    return Store(namespace=namespace, name="vault-operator-init")


def secrets(plane: ControlPlane, store: Store) -> dict[str, dict[str, object]]:
    """What the API server has in the store's namespace, by name."""
    answer = plane.kubectl("get", "secrets", f"--namespace={store.namespace}", "--output=json")
    return {item["metadata"]["name"]: item for item in json.loads(answer)["items"]}


def test_a_record_is_written_replaced_and_read_back(
    plane: ControlPlane, store: Store, target: KubernetesTarget
) -> None:
    assert store.read(target) is None
    first = store.write(key_record(), target)
    assert store.read(target) == key_record()
    second = store.write(key_record(root_token=""), target)
    assert store.read(target) == key_record(root_token="")
    assert first.version != second.version
    (found,) = secrets(plane, store).values()
    metadata = found["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["resourceVersion"] == second.version
    # An annotation of what was applied last would be a second copy of the keys.
    assert "annotations" not in metadata


def test_a_probe_leaves_no_trace_and_keeps_the_record(
    plane: ControlPlane, store: Store, target: KubernetesTarget
) -> None:
    store.probe(target)
    assert secrets(plane, store) == {}
    store.write(key_record(), target)
    before = secrets(plane, store)
    store.probe(target)
    assert secrets(plane, store) == before


@pytest.mark.parametrize("missing", VERBS)
def test_a_missing_right_is_named(
    plane: ControlPlane, store: Store, target: KubernetesTarget, missing: str
) -> None:
    plane.grant("keeper", store.namespace, "secrets", tuple(verb for verb in VERBS if verb != missing))
    with pytest.raises(KeyStoreError, match=rf"\(verb {missing}, resource secrets\)") as raised:
        store.probe(target)
    assert not isinstance(raised.value, KeyStoreUnavailableError)


def test_a_namespace_that_does_not_exist_is_to_be_made(plane: ControlPlane, target: KubernetesTarget) -> None:
    administrator = replace(target, kubeconfig=str(plane.kubeconfig))
    with pytest.raises(KeyStoreError, match="kubectl create namespace custody-of-nobody"):
        Store(namespace="custody-of-nobody", name="keys").probe(administrator)


def test_a_secret_of_somebody_else_is_left_alone(
    plane: ControlPlane, store: Store, target: KubernetesTarget
) -> None:
    plane.kubectl(
        "create", "secret", "generic", store.name, f"--namespace={store.namespace}", "--from-literal=a=b"
    )
    before = secrets(plane, store)
    with pytest.raises(KeyStoreError, match="wasn't made by this program"):
        store.write(key_record(), target)
    assert secrets(plane, store) == before


def test_a_refused_record_is_not_in_the_error(
    plane: ControlPlane, store: Store, target: KubernetesTarget
) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": store.namespace},
        "spec": {"hard": {"count/secrets": "0"}},
    }
    plane.kubectl("apply", "--filename=-", stdin=json.dumps(quota))
    plane.kubectl(
        "wait",
        f"--namespace={store.namespace}",
        "--for=jsonpath={.status.hard.count/secrets}=0",
        "resourcequota/none",
        "--timeout=60s",
    )
    with pytest.raises(KeyStoreError, match="exceeded quota") as raised:
        store.write(key_record(), target)
    encoded = base64.b64encode(key_record().to_json().encode()).decode()
    assert ROOT_TOKEN not in str(raised.value)
    assert encoded[:40] not in str(raised.value)


def test_an_api_server_that_does_not_answer_is_worth_another_try(
    plane: ControlPlane, store: Store, target: KubernetesTarget
) -> None:
    elsewhere = plane.folder / "elsewhere.kubeconfig"
    elsewhere.write_text(plane.kubeconfig.read_text().replace(plane.server, "https://127.0.0.1:1"))
    with pytest.raises(KeyStoreUnavailableError):
        store.write(key_record(), replace(target, kubeconfig=str(elsewhere)))

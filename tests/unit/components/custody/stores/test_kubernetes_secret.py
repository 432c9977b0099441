"""The store that is a Kubernetes Secret."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.custody.key_store import KeyReference, KeyStoreError, KeyStoreUnavailableError
from components.custody.stores.kubernetes_secret import Store
from components.kubernetes.owned_object import SeenObject
from tests.unit.fakes.key_records import ROOT_TOKEN, SHARES, TARGET, key_record
from tests.unit.fakes.kubectl_in_process import provide_objects
from tests.unit.fakes.kubernetes_objects import KubernetesObjects
from tests.unit.fakes.store_settings import read_store

STORE = Store(namespace="custody", name="vault-operator-init")
UNREACHABLE = (
    "The connection to the server 10.0.0.1:6443 was refused - did you specify the right host or port?"
)
FORBIDDEN = 'Error from server (Forbidden): secrets "vault-operator-init" is forbidden'


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    objects = KubernetesObjects(tmp_path / "objects", STORE.namespace)
    provide_objects(monkeypatch, objects)
    return objects


def manifest(secrets: KubernetesObjects) -> dict[str, Any]:
    found = secrets.get("secret", STORE.name)
    assert found is not None
    return found


def version(secrets: KubernetesObjects) -> str:
    return str(manifest(secrets)["metadata"]["resourceVersion"])


def test_a_record_is_written_and_read_back(secrets: KubernetesObjects) -> None:
    assert STORE.read(TARGET) is None
    reference = STORE.write(key_record(), TARGET)
    assert STORE.read(TARGET) == key_record()
    assert reference == KeyReference("Kubernetes Secret custody/vault-operator-init", version(secrets))
    assert secrets.names("secret") == ["vault-operator-init"]


def test_a_record_takes_the_place_of_an_older_one(secrets: KubernetesObjects) -> None:
    older = STORE.write(key_record(), TARGET)
    newer = STORE.write(key_record(root_token=""), TARGET)
    assert older.version != newer.version == version(secrets)
    assert STORE.read(TARGET) == key_record(root_token="")
    assert secrets.names("secret") == ["vault-operator-init"]


def test_no_key_is_on_a_command_line(secrets: KubernetesObjects) -> None:
    STORE.write(key_record(), TARGET)
    STORE.write(key_record(), TARGET)
    encoded = manifest(secrets)["data"]["record.json"]
    for secret in (ROOT_TOKEN, *SHARES, encoded):
        assert secret not in str(secrets.calls)


def test_a_probe_tries_every_right_leaves_no_trace_and_keeps_the_record(secrets: KubernetesObjects) -> None:
    STORE.probe(TARGET)
    assert secrets.names("secret") == []
    assert {"get", "create", "replace", "delete"} == {call[2] for call in secrets.calls}
    written = STORE.write(key_record(), TARGET)
    STORE.probe(TARGET)
    assert STORE.read(TARGET) == key_record()
    assert version(secrets) == written.version
    assert secrets.names("secret") == ["vault-operator-init"]


def test_a_probe_that_was_left_over_is_no_obstacle(secrets: KubernetesObjects) -> None:
    secrets.fail(" delete ", UNREACHABLE)
    with pytest.raises(KeyStoreUnavailableError):
        STORE.probe(TARGET)
    assert secrets.names("secret") == ["vault-operator-init-probe"]
    secrets.recover()
    STORE.probe(TARGET)
    assert secrets.names("secret") == []


@pytest.mark.usefixtures("secrets")
def test_a_probe_that_reads_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SeenObject, "secret_text", lambda *_: "something else")
    with pytest.raises(KeyStoreError, match="doesn't hold what was just written into it"):
        STORE.probe(TARGET)


def test_vaults_own_namespace_is_refused(secrets: KubernetesObjects) -> None:
    with pytest.raises(KeyStoreError, match="Namespace 'vault' is Vault's own and goes away with the stack"):
        Store(namespace="vault", name="keys").probe(TARGET)
    assert secrets.names("secret") == []


def attempts() -> list[Callable[[], object]]:
    return [lambda: STORE.read(TARGET), lambda: STORE.write(key_record(), TARGET)]


@pytest.mark.parametrize("attempt", attempts())
def test_a_secret_of_somebody_else_is_left_alone(
    secrets: KubernetesObjects, attempt: Callable[[], object]
) -> None:
    secrets.put("secret", STORE.name, data={"password": "c2VjcmV0"})
    somebodys = manifest(secrets)
    with pytest.raises(KeyStoreError, match=r"wasn't made by this program.*choose another name") as raised:
        attempt()
    assert "c2VjcmV0" not in str(raised.value)
    assert manifest(secrets) == somebodys


@pytest.mark.parametrize("data", [None, {}, {"record.json": "%"}, {"record.json": "/w=="}])
def test_a_secret_without_a_readable_record_is_an_error(secrets: KubernetesObjects, data: object) -> None:
    STORE.write(key_record(), TARGET)
    secrets.put("secret", STORE.name, data=data)
    with pytest.raises(KeyStoreError, match=r"has no readable entry 'record\.json'"):
        STORE.read(TARGET)


def test_what_is_no_record_is_an_error(secrets: KubernetesObjects) -> None:
    STORE.write(key_record(), TARGET)
    other = base64.b64encode(b"[]").decode()
    secrets.put("secret", STORE.name, data={"record.json": other})
    with pytest.raises(KeyStoreError, match="isn't a record of keys"):
        STORE.read(TARGET)


@pytest.mark.parametrize(
    ("verb", "right"), [("get", "get"), ("create", "create"), ("replace", "update"), ("delete", "delete")]
)
def test_a_missing_right_is_named(secrets: KubernetesObjects, verb: str, right: str) -> None:
    secrets.fail(f" {verb} ", FORBIDDEN)
    with pytest.raises(KeyStoreError) as raised:
        STORE.probe(TARGET)
    assert not isinstance(raised.value, KeyStoreUnavailableError)
    assert f"refused to {right} a Secret in namespace custody" in str(raised.value)
    assert f"(verb {right}, resource secrets)" in str(raised.value)


def test_a_missing_namespace_is_to_be_made(secrets: KubernetesObjects) -> None:
    secrets.fail(" create ", 'Error from server (NotFound): namespaces "custody" not found')
    with pytest.raises(KeyStoreError, match="kubectl create namespace custody"):
        STORE.probe(TARGET)


@pytest.mark.parametrize("reason", ["AlreadyExists", "Conflict"])
def test_a_change_by_somebody_else_is_not_overwritten(secrets: KubernetesObjects, reason: str) -> None:
    secrets.fail(" create ", f"Error from server ({reason}): secrets")
    with pytest.raises(KeyStoreError, match="Somebody else changed it at the same moment"):
        STORE.write(key_record(), TARGET)


def test_a_change_after_the_read_is_not_overwritten(secrets: KubernetesObjects) -> None:
    STORE.write(key_record(), TARGET)
    secrets.before(" replace ", "secret", manifest(secrets))
    with pytest.raises(KeyStoreError, match="Somebody else changed it at the same moment"):
        STORE.write(key_record(root_token=""), TARGET)
    assert STORE.read(TARGET) == key_record()


@pytest.mark.parametrize(
    "said",
    [
        UNREACHABLE,
        "Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout",
        "Unable to connect to the server: net/http: TLS handshake timeout",
        "Error from server (ServiceUnavailable): the server is currently unable to handle the request",
        "Error from server (InternalError): an error on the server has prevented the request",
        "Error from server: etcdserver: request timed out",
    ],
)
def test_an_api_server_that_does_not_answer_is_worth_another_try(
    secrets: KubernetesObjects, said: str
) -> None:
    secrets.fail(" get ", said)
    with pytest.raises(KeyStoreUnavailableError):
        STORE.read(TARGET)
    secrets.fail(" create ", said)
    with pytest.raises(KeyStoreUnavailableError):
        STORE.write(key_record(), TARGET)
    secrets.recover()
    STORE.write(key_record(), TARGET)


def test_an_answer_that_repeats_the_keys_is_not_shown(secrets: KubernetesObjects) -> None:
    secrets.fail(" create ", 'Error from server: admission webhook "audit" denied {stdin}')
    with pytest.raises(KeyStoreError) as raised:
        STORE.write(key_record(), TARGET)
    encoded = base64.b64encode(key_record().to_json().encode()).decode()
    assert encoded[40:60] not in str(raised.value)
    assert "isn't shown" in str(raised.value)


def test_settings() -> None:
    assert read_store(Store, {"namespace": "custody"}) == (STORE, [])
    store, problems = read_store(Store, {"namespace": "custody", "name": "keys.vault"})
    assert (store.name, problems) == ("keys.vault", [])


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({}, "namespace"),
        ({"namespace": "Custody"}, "namespace"),
        ({"namespace": "custody", "name": "a/b"}, "name"),
        ({"namespace": "custody", "name": "n" * 248}, "name"),
    ],
)
def test_wrong_settings(section: dict[str, str], key: str) -> None:
    _, problems = read_store(Store, section)
    assert [problem.split(" ")[0] for problem in problems] == [f"vault-autounseal:custody.{key}"]

"""`kubernetes:core/v1:ConfigMap`: paths, check and what replaces it."""

import threading

import pytest

from sandbox.plugins.kubernetes.api import KubernetesApi
from sandbox.plugins.kubernetes.config_map import ConfigMap
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings
from sandbox.plugins.property_values import PropertyMap, Unknown
from sandbox.plugins.provider import Resource
from tests.unit.sandbox.plugins.test_kubernetes_secret import no_log

RESOURCE = Resource("urn:pulumi:dev::p::kubernetes:core/v1:ConfigMap::dashboard", random_seed=b"0123")
INPUTS: PropertyMap = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "vault-dashboard", "namespace": "vault"},
    "data": {"vault.json": "{}"},
}


@pytest.fixture
def config_map() -> ConfigMap:
    """The resource type, on a cluster that is not asked."""
    return ConfigMap(KubernetesApi(ClusterSettings("")), no_log, threading.Event())


def test_config_map_is_in_the_core_api(config_map: ConfigMap) -> None:
    assert config_map.path("vault/vault-dashboard") == "/api/v1/namespaces/vault/configmaps/vault-dashboard"


@pytest.mark.parametrize(
    ("inputs", "wrong"),
    [
        (INPUTS, []),
        ({**INPUTS, "data": Unknown()}, []),
        ({**INPUTS, "data": {"vault.json": Unknown()}}, []),
        ({**INPUTS, "data": "{}"}, ["data"]),
        ({**INPUTS, "data": {"vault.json": 1.0}}, ['data["vault.json"]']),
        ({**INPUTS, "binaryData": {}}, ["binaryData"]),
        ({**INPUTS, "immutable": True}, ["immutable"]),
        ({**INPUTS, "metadata": {"name": "vault-dashboard"}}, ["metadata.namespace"]),
    ],
)
def test_what_is_wrong_is_refused(config_map: ConfigMap, inputs: PropertyMap, wrong: list[str]) -> None:
    found = config_map.check(RESOURCE, {}, inputs).failures
    assert [failure.property_path for failure in found] == wrong


def test_other_data_replaces_it_and_another_label_does_not(config_map: ConfigMap) -> None:
    state: PropertyMap = {**INPUTS, "__inputs": INPUTS}
    data = config_map.diff(state, INPUTS, {**INPUTS, "data": {"vault.json": "[]"}})
    assert [change.replaces for change in data.changes.values()] == [True]
    assert data.delete_before_replace
    labels: PropertyMap = {"name": "vault-dashboard", "namespace": "vault", "labels": {"a": "b"}}
    marked = config_map.diff(state, INPUTS, {**INPUTS, "metadata": labels})
    assert [change.replaces for change in marked.changes.values()] == [False]

"""`PodMonitor` and `PrometheusRule` of `monitoring.coreos.com/v1`: paths and check."""

import threading

import pytest

from sandbox.plugins.kubernetes.api import KubernetesApi
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings
from sandbox.plugins.kubernetes.monitoring import PodMonitor, PrometheusRule
from sandbox.plugins.property_values import PropertyMap
from sandbox.plugins.provider import Resource
from tests.unit.sandbox.plugins.test_kubernetes_secret import no_log


@pytest.mark.parametrize("kind", [PodMonitor, PrometheusRule])
def test_object_is_in_its_group_and_namespace(kind: type[PodMonitor] | type[PrometheusRule]) -> None:
    found = kind(KubernetesApi(ClusterSettings("")), no_log, threading.Event())
    collection = f"/apis/monitoring.coreos.com/v1/namespaces/vault/{kind.kind.lower()}s"
    assert found.path("vault/vault-server") == f"{collection}/vault-server"
    resource = Resource(f"urn:pulumi:dev::p::{kind.token}::metrics", random_seed=b"0123")
    inputs: PropertyMap = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": kind.kind,
        "metadata": {"name": "vault-server", "namespace": "vault"},
    }
    assert not found.check(resource, {}, {**inputs, "spec": {}}).failures
    (wrong,) = found.check(resource, {}, {**inputs, "spec": "all"}).failures
    assert wrong.property_path == "spec"

"""`kubernetes:cert-manager.io/v1:Certificate`: paths and check."""

import threading

import pytest

from sandbox.plugins.kubernetes.api import KubernetesApi
from sandbox.plugins.kubernetes.certificate import Certificate
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings
from sandbox.plugins.property_values import PropertyMap
from sandbox.plugins.provider import Resource
from tests.unit.sandbox.plugins.test_kubernetes_secret import no_log

RESOURCE = Resource("urn:pulumi:dev::p::kubernetes:cert-manager.io/v1:Certificate::tls", random_seed=b"0123")
INPUTS: PropertyMap = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Certificate",
    "metadata": {"name": "vault-server-tls", "namespace": "vault"},
    "spec": {"secretName": "vault-server-tls", "issuerRef": {"name": "internal"}},
}


@pytest.fixture
def certificate() -> Certificate:
    """The resource type, on a cluster that is not asked."""
    return Certificate(KubernetesApi(ClusterSettings("")), no_log, threading.Event())


def test_certificate_is_in_its_group_and_namespace(certificate: Certificate) -> None:
    collection = "/apis/cert-manager.io/v1/namespaces/vault/certificates"
    assert certificate.collection(INPUTS) == collection
    assert certificate.path("vault/vault-server-tls") == f"{collection}/vault-server-tls"


@pytest.mark.parametrize(
    ("inputs", "wrong"),
    [
        (INPUTS, []),
        ({**INPUTS, "status": {}}, ["status"]),
        ({**INPUTS, "metadata": {"name": "vault-server-tls"}}, ["metadata.namespace"]),
        ({**INPUTS, "spec": "all"}, ["spec"]),
    ],
)
def test_what_is_wrong_is_refused(certificate: Certificate, inputs: PropertyMap, wrong: list[str]) -> None:
    found = certificate.check(RESOURCE, {}, inputs).failures
    assert [failure.property_path for failure in found] == wrong

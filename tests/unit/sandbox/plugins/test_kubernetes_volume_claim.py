"""`kubernetes:core/v1:PersistentVolumeClaim`: paths, check and difference."""

import threading
from typing import Any

import pytest

from sandbox.plugins.kubernetes.api import KubernetesApi
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings
from sandbox.plugins.kubernetes.volume_claim import SKIP_AWAIT, VolumeClaim
from sandbox.plugins.property_values import PropertyMap
from sandbox.plugins.provider import Resource
from tests.unit.sandbox.plugins.test_kubernetes_secret import no_log

RESOURCE = Resource("urn:pulumi:dev::p::kubernetes:core/v1:PersistentVolumeClaim::kept", random_seed=b"0123")


def inputs(**annotations: str) -> PropertyMap:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "kept", "namespace": "vault", "annotations": {**annotations}},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


@pytest.fixture
def claim() -> VolumeClaim:
    """The resource type, on a cluster that is not asked."""
    return VolumeClaim(KubernetesApi(ClusterSettings("")), no_log, threading.Event())


def test_claim_is_in_its_namespace(claim: VolumeClaim) -> None:
    assert claim.path("vault/kept") == "/api/v1/namespaces/vault/persistentvolumeclaims/kept"


def test_claim_that_would_be_waited_for_is_refused(claim: VolumeClaim) -> None:
    def failures(found: PropertyMap) -> list[Any]:
        return list(claim.check(RESOURCE, {}, found).failures)

    assert failures(inputs(**{SKIP_AWAIT: "true"})) == []
    (failure,) = failures(inputs())
    assert SKIP_AWAIT in failure.reason


def test_other_size_replaces_it(claim: VolumeClaim) -> None:
    assert claim.replaced_by(("spec", "resources", "requests", "storage"), inputs())
    assert not claim.replaced_by(("metadata", "labels"), inputs())

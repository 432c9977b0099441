"""`kubernetes:core/v1:ServiceAccount`: paths, check and difference."""

import threading

import pytest

from sandbox.plugins.kubernetes.api import KubernetesApi
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings
from sandbox.plugins.kubernetes.service_account import ServiceAccount
from sandbox.plugins.property_values import UNKNOWN, PropertyMap
from sandbox.plugins.provider import Resource
from tests.unit.sandbox.plugins.test_kubernetes_secret import no_log

RESOURCE = Resource("urn:pulumi:dev::p::kubernetes:core/v1:ServiceAccount::snapshot", random_seed=b"0123")
METADATA: PropertyMap = {
    "name": "vault-snapshot",
    "namespace": "vault",
    "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/snapshot"},
}
INPUTS: PropertyMap = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": METADATA}


@pytest.fixture
def service_account() -> ServiceAccount:
    """The resource type, on a cluster that is not asked."""
    return ServiceAccount(KubernetesApi(ClusterSettings("")), no_log, threading.Event())


def test_service_account_is_in_the_core_api(service_account: ServiceAccount) -> None:
    path = "/api/v1/namespaces/vault/serviceaccounts/vault-snapshot"
    assert service_account.path("vault/vault-snapshot") == path


@pytest.mark.parametrize(
    ("inputs", "wrong"),
    [
        (INPUTS, []),
        ({**INPUTS, "automountServiceAccountToken": False}, []),
        ({**INPUTS, "automountServiceAccountToken": UNKNOWN}, []),
        ({**INPUTS, "automountServiceAccountToken": "no"}, ["automountServiceAccountToken"]),
        ({**INPUTS, "imagePullSecrets": []}, ["imagePullSecrets"]),
        ({**INPUTS, "metadata": {"name": "vault-snapshot"}}, ["metadata.namespace"]),
    ],
)
def test_what_is_wrong_or_not_implemented_is_refused(
    service_account: ServiceAccount, inputs: PropertyMap, wrong: list[str]
) -> None:
    found = service_account.check(RESOURCE, {}, inputs).failures
    assert [failure.property_path for failure in found] == wrong


def test_another_role_is_an_update_and_another_name_a_replacement(service_account: ServiceAccount) -> None:
    state: PropertyMap = {**INPUTS, "__inputs": INPUTS}
    other: PropertyMap = {**METADATA, "annotations": {"eks.amazonaws.com/role-arn": "other"}}
    role = service_account.diff(state, INPUTS, {**INPUTS, "metadata": other})
    assert [change.replaces for change in role.changes.values()] == [False]
    name = service_account.diff(state, INPUTS, {**INPUTS, "metadata": {**METADATA, "name": "other"}})
    assert [change.replaces for change in name.changes.values()] == [True]

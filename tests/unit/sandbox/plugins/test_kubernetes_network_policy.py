"""`kubernetes:networking.k8s.io/v1:NetworkPolicy`: paths, check and difference."""

import threading

import pytest

from sandbox.plugins.json_values import to_json
from sandbox.plugins.kubernetes.api import KubernetesApi
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings
from sandbox.plugins.kubernetes.network_policy import NetworkPolicy
from sandbox.plugins.property_values import UNKNOWN, PropertyMap, plain_map
from sandbox.plugins.provider import Resource
from tests.unit.sandbox.plugins.test_kubernetes_secret import no_log

RESOURCE = Resource(
    "urn:pulumi:dev::p::kubernetes:networking.k8s.io/v1:NetworkPolicy::policy", random_seed=b"0123"
)
INPUTS: PropertyMap = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "vault-server", "namespace": "vault"},
    "spec": {"podSelector": {"matchLabels": {"component": "server"}}, "policyTypes": ["Ingress"]},
}


@pytest.fixture
def policy() -> NetworkPolicy:
    """The resource type, on a cluster that is not asked."""
    return NetworkPolicy(KubernetesApi(ClusterSettings("")), no_log, threading.Event())


def test_policy_is_in_its_group_and_namespace(policy: NetworkPolicy) -> None:
    collection = "/apis/networking.k8s.io/v1/namespaces/vault/networkpolicies"
    assert policy.collection(INPUTS) == collection
    assert policy.place(INPUTS) == "vault/vault-server"
    assert policy.path("vault/vault-server") == f"{collection}/vault-server"


@pytest.mark.parametrize(
    ("inputs", "wrong"),
    [
        ({**INPUTS, "status": {}}, "status"),
        ({**INPUTS, "apiVersion": "v1"}, "apiVersion"),
        ({**INPUTS, "metadata": {"name": "vault-server"}}, "metadata.namespace"),
        ({**INPUTS, "spec": "all"}, "spec"),
    ],
)
def test_what_is_wrong_or_not_implemented_is_refused(
    policy: NetworkPolicy, inputs: PropertyMap, wrong: str
) -> None:
    assert [failure.property_path for failure in policy.check(RESOURCE, {}, inputs).failures] == [wrong]


def test_right_and_unknown_inputs_pass_the_check(policy: NetworkPolicy) -> None:
    assert policy.check(RESOURCE, {}, INPUTS).failures == ()
    assert policy.check(RESOURCE, {}, {**INPUTS, "spec": UNKNOWN}).failures == ()


@pytest.mark.parametrize(
    ("new", "replaces"),
    [
        ({"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}, False),
        ({"metadata": {"name": "other", "namespace": "vault"}}, True),
        ({"metadata": {"name": "vault-server", "namespace": "other"}}, True),
    ],
)
def test_what_a_change_leads_to(policy: NetworkPolicy, new: PropertyMap, replaces: bool) -> None:
    live = {name: to_json(value) for name, value in INPUTS.items()}
    state = plain_map(policy.recorded(live, INPUTS, "manager"))
    assert state["__initialApiVersion"] == "networking.k8s.io/v1"
    difference = policy.diff(state, INPUTS, {**INPUTS, **new})
    assert {change.replaces for change in difference.changes.values()} == {replaces}
    assert policy.diff(state, INPUTS, INPUTS).changes == {}

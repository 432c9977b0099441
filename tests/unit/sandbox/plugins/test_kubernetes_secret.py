"""`kubernetes:core/v1:Secret`: check and difference; its life is tried on a real control plane."""

import threading

import pytest

from sandbox.plugins.json_values import to_json
from sandbox.plugins.kubernetes.api import KubernetesApi
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings
from sandbox.plugins.kubernetes.secret import Secret
from sandbox.plugins.property_values import UNKNOWN, PropertyMap, plain_map
from sandbox.plugins.property_values import Secret as SecretValue
from sandbox.plugins.provider import Resource, Severity

RESOURCE = Resource("urn:pulumi:dev::p::kubernetes:core/v1:Secret::credentials", random_seed=b"0123")
INPUTS: PropertyMap = {
    "apiVersion": "v1",
    "kind": "Secret",
    "type": "Opaque",
    "metadata": {"name": "credentials", "namespace": "vault"},
    "data": {"key": "dmFsdWU="},
}


def no_log(_severity: Severity, _message: str, _urn: str) -> None:
    """Nobody reads it."""


def secret(*, mutable: bool = False) -> Secret:
    """The resource type, on a cluster that is not asked."""
    return Secret(KubernetesApi(ClusterSettings("")), no_log, threading.Event(), mutable=mutable)


def test_data_is_secret_whatever_the_program_says() -> None:
    checked = secret().check(RESOURCE, {}, INPUTS)

    assert checked.failures == ()
    assert checked.inputs["data"] == SecretValue({"key": "dmFsdWU="})
    recorded = secret().recorded({"data": {"key": "dmFsdWU="}}, INPUTS, "manager")
    assert "dmFsdWU=" not in repr(recorded)


@pytest.mark.parametrize(
    ("inputs", "wrong"),
    [
        ({**INPUTS, "stringData": {"a": "b"}}, "stringData"),
        ({**INPUTS, "kind": "ConfigMap"}, "kind"),
        ({**INPUTS, "metadata": {"name": "credentials"}}, "metadata.namespace"),
        ({**INPUTS, "data": {"a.b": "not base64"}}, 'data["a.b"]'),
        ({**INPUTS, "data": "a"}, "data"),
        ({**INPUTS, "immutable": "true"}, "immutable"),
        ({**INPUTS, "type": 1}, "type"),
    ],
)
def test_what_is_wrong_or_not_implemented_is_refused(inputs: PropertyMap, wrong: str) -> None:
    assert [failure.property_path for failure in secret().check(RESOURCE, {}, inputs).failures] == [wrong]


def test_unknown_inputs_pass_the_check() -> None:
    inputs: PropertyMap = {**INPUTS, "data": UNKNOWN, "metadata": {"name": "a", "namespace": UNKNOWN}}

    assert secret().check(RESOURCE, {}, inputs).failures == ()


@pytest.mark.parametrize(
    ("old", "new", "mutable", "replaces"),
    [
        ({}, {"data": {"key": "b3RoZXI="}}, False, True),
        ({}, {"data": {"key": "b3RoZXI="}}, True, False),
        ({"immutable": True}, {"immutable": True, "data": {"key": "b3RoZXI="}}, True, True),
        ({}, {"immutable": True}, True, False),
        ({"immutable": True}, {"immutable": False}, True, True),
        ({}, {"type": "kubernetes.io/tls"}, True, True),
        ({}, {"metadata": {"name": "other", "namespace": "vault"}}, True, True),
        ({}, {"metadata": {"name": "credentials", "namespace": "other"}}, True, True),
        ({}, {"metadata": {"name": "credentials", "namespace": "vault", "labels": {"a": "b"}}}, False, False),
    ],
)
def test_what_a_change_leads_to(old: PropertyMap, new: PropertyMap, mutable: bool, replaces: bool) -> None:
    kind = secret(mutable=mutable)
    before: PropertyMap = {**INPUTS, **old}
    live = {name: to_json(value) for name, value in before.items()}
    state = plain_map(kind.recorded(live, before, "manager"))
    difference = kind.diff(state, before, {**INPUTS, **new})

    assert difference.changes
    assert {change.replaces for change in difference.changes.values()} == {replaces}
    # What keeps its name has to make room for its replacement.
    assert difference.delete_before_replace is (replaces and "metadata" not in new)
    assert kind.diff(state, before, before).changes == {}

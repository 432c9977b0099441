"""`kubernetes:core/v1:Namespace` against an API server that knows namespaces only."""

import threading
from collections.abc import Iterator

import pytest

from sandbox.plugins.kubernetes.api import KubernetesApi
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings
from sandbox.plugins.kubernetes.namespace import Namespace
from sandbox.plugins.kubernetes.object_type import AUTONAMED
from sandbox.plugins.property_differences import Kind
from sandbox.plugins.property_values import UNKNOWN, PropertyMap
from sandbox.plugins.provider import Change, PartialFailureError, ProviderError, Resource, Severity
from tests.unit.sandbox.plugins.kubernetes_api import NamespaceServer, namespace_server

RESOURCE = Resource(
    "urn:pulumi:dev::p::kubernetes:core/v1:Namespace::space", timeout_seconds=5, random_seed=b"0123"
)
INPUTS: PropertyMap = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "vault", "labels": {"a": "b"}},
}


@pytest.fixture
def server() -> Iterator[NamespaceServer]:
    """An API server."""
    with namespace_server() as running:
        yield running


@pytest.fixture
def messages() -> list[str]:
    """What was said to the user."""
    return []


@pytest.fixture
def namespace(server: NamespaceServer, messages: list[str]) -> Namespace:
    """The resource type, on that server."""
    return on(server.kubeconfig, messages)


def on(kubeconfig: str, messages: list[str]) -> Namespace:
    """The resource type on a cluster."""

    def log(_severity: Severity, message: str, _urn: str) -> None:
        messages.append(message)

    return Namespace(KubernetesApi(ClusterSettings(kubeconfig)), log, threading.Event())


def with_labels(**labels: str) -> PropertyMap:
    """The inputs with other labels."""
    return {**INPUTS, "metadata": {"name": "vault", "labels": dict(labels)}}


def test_a_namespace_is_made_by_a_plain_post(namespace: Namespace, server: NamespaceServer) -> None:
    created = namespace.create(RESOURCE, INPUTS, preview=False)

    assert created.identifier == "vault"
    assert server.namespaces["vault"]["metadata"]["labels"]["a"] == "b"
    assert created.state["__inputs"] == INPUTS
    assert isinstance(metadata := created.state["metadata"], dict)
    assert metadata["uid"] == "uid-1"


def test_an_existing_namespace_is_an_error(namespace: Namespace) -> None:
    namespace.create(RESOURCE, INPUTS, preview=False)

    with pytest.raises(
        ProviderError, match=r'was not successfully created .* namespaces "vault" already exists'
    ):
        namespace.create(RESOURCE, INPUTS, preview=False)


def test_a_preview_is_a_dry_run(namespace: Namespace, server: NamespaceServer) -> None:
    foretold = namespace.create(RESOURCE, INPUTS, preview=True)

    assert foretold.identifier == ""
    assert "status" not in foretold.state
    assert isinstance(metadata := foretold.state["metadata"], dict)
    assert metadata["uid"] == "uid-1"
    assert server.namespaces == {}


def test_a_preview_of_what_is_not_known_yet_asks_nothing(
    namespace: Namespace, server: NamespaceServer
) -> None:
    inputs: PropertyMap = {**INPUTS, "metadata": {"name": UNKNOWN}}

    assert namespace.create(RESOURCE, inputs, preview=True).state == inputs
    assert server.requests == []


def test_a_label_is_updated_by_server_side_apply(namespace: Namespace, server: NamespaceServer) -> None:
    created = namespace.create(RESOURCE, INPUTS, preview=False)
    state = namespace.update(RESOURCE, "vault", created.state, with_labels(a="c"), preview=False)

    assert server.namespaces["vault"]["metadata"]["labels"] == {"a": "c"}
    assert state["__inputs"] == with_labels(a="c")
    method, path, _ = server.requests[-1]
    assert (method, "force=false" in path) == ("PATCH", True)


def test_a_conflict_is_recorded_as_a_failed_update(namespace: Namespace, server: NamespaceServer) -> None:
    created = namespace.create(RESOURCE, INPUTS, preview=False)
    server.namespaces["vault"]["metadata"]["managedFields"] = [{"manager": "other", "operation": "Update"}]

    with pytest.raises(PartialFailureError, match="Server-Side Apply field conflict detected") as raised:
        namespace.update(RESOURCE, "vault", created.state, with_labels(a="c"), preview=False)
    assert raised.value.state["__inputs"] == with_labels(a="c")


def test_a_field_of_another_is_taken_over_if_an_annotation_says_so(
    namespace: Namespace, server: NamespaceServer
) -> None:
    created = namespace.create(RESOURCE, INPUTS, preview=False)
    server.namespaces["vault"]["metadata"]["managedFields"] = [{"manager": "other", "operation": "Update"}]
    forced = with_labels(a="c")
    metadata = forced["metadata"]
    assert isinstance(metadata, dict)
    metadata["annotations"] = {"pulumi.com/patchForce": "true"}

    assert namespace.check(RESOURCE, INPUTS, forced).failures == ()
    namespace.update(RESOURCE, "vault", created.state, forced, preview=False)
    assert server.namespaces["vault"]["metadata"]["labels"] == {"a": "c"}


def test_deletion_waits_until_the_namespace_is_gone(namespace: Namespace, server: NamespaceServer) -> None:
    created = namespace.create(RESOURCE, INPUTS, preview=False)
    server.reads_until_gone = 2
    namespace.delete(RESOURCE, "vault", created.state)

    assert server.namespaces == {}
    assert [method for method, _, _ in server.requests].count("GET") >= 3
    namespace.delete(RESOURCE, "vault", created.state)


def test_deletion_gives_up_after_its_time(namespace: Namespace, server: NamespaceServer) -> None:
    created = namespace.create(RESOURCE, INPUTS, preview=False)
    server.reads_until_gone = 1000

    with pytest.raises(ProviderError, match='timed out waiting for namespace "vault" to be deleted'):
        namespace.delete(Resource(RESOURCE.urn, timeout_seconds=0.3), "vault", created.state)


def test_reading_finds_drift_and_loss(namespace: Namespace, server: NamespaceServer) -> None:
    created = namespace.create(RESOURCE, INPUTS, preview=False)
    server.namespaces["vault"]["metadata"]["labels"]["a"] = "drifted"
    found = namespace.read(RESOURCE, "vault", created.state, INPUTS)
    assert found is not None
    assert found.inputs == with_labels(a="drifted")
    assert namespace.diff(found.state, found.inputs, INPUTS).changes == {
        "metadata.labels.a": Change(Kind.UPDATE)
    }

    del server.namespaces["vault"]
    assert namespace.read(RESOURCE, "vault", created.state, INPUTS) is None


def test_an_imported_namespace_has_its_labels_as_inputs(namespace: Namespace) -> None:
    namespace.create(RESOURCE, INPUTS, preview=False)
    found = namespace.read(RESOURCE, "vault", {}, {})

    assert found is not None
    assert found.inputs["metadata"] == {
        "name": "vault",
        "labels": {"a": "b", "kubernetes.io/metadata.name": "vault"},
    }


def test_another_name_replaces(namespace: Namespace) -> None:
    state = namespace.create(RESOURCE, INPUTS, preview=False).state
    renamed: PropertyMap = {**INPUTS, "metadata": {"name": "other", "labels": {"a": "b"}}}

    assert namespace.diff(state, INPUTS, INPUTS).changes == {}
    assert namespace.diff(state, INPUTS, renamed).changes["metadata.name"].replaces
    assert not namespace.diff(state, INPUTS, with_labels()).changes["metadata.labels.a"].replaces


def test_a_missing_name_is_made_once(namespace: Namespace) -> None:
    first = namespace.check(RESOURCE, {}, {"apiVersion": "v1", "kind": "Namespace"}).inputs
    again = namespace.check(RESOURCE, first, {"apiVersion": "v1", "kind": "Namespace"}).inputs

    assert first["metadata"] == {"name": "space-30313233", "annotations": {AUTONAMED: "true"}}
    assert again == first


@pytest.mark.parametrize(
    ("inputs", "wrong"),
    [
        ({**INPUTS, "spec": {"finalizers": []}}, "spec"),
        ({**INPUTS, "kind": "Pod"}, "kind"),
        ({**INPUTS, "metadata": {"generateName": "a"}}, "metadata.generateName"),
        ({**INPUTS, "metadata": {"labels": {"a": 1}}}, "metadata.labels.a"),
        (
            {**INPUTS, "metadata": {"annotations": {"pulumi.com/waitFor": "true"}}},
            'metadata.annotations["pulumi.com/waitFor"]',
        ),
    ],
)
def test_what_is_not_implemented_is_refused(namespace: Namespace, inputs: PropertyMap, wrong: str) -> None:
    assert [failure.property_path for failure in namespace.check(RESOURCE, {}, inputs).failures] == [wrong]


def test_an_unreachable_cluster_is_reported(server: NamespaceServer, messages: list[str]) -> None:
    unreachable = on(server.kubeconfig.replace(str(server.server_port), "1"), messages)
    refused = 'Get "http://127.0.0.1:1/api/v1": dial tcp 127.0.0.1:1: connect: connection refused'

    with pytest.raises(ProviderError, match="configured Kubernetes cluster is unreachable") as raised:
        unreachable.create(RESOURCE, INPUTS, preview=False)
    assert refused in str(raised.value)
    assert unreachable.create(RESOURCE, INPUTS, preview=True).state == INPUTS
    with pytest.raises(ProviderError, match="failed to read resource state due to unreachable cluster"):
        unreachable.read(RESOURCE, "vault", {}, INPUTS)
    assert refused in messages[0]
    with pytest.raises(ProviderError, match="PULUMI_K8S_DELETE_UNREACHABLE"):
        unreachable.delete(RESOURCE, "vault", {})


def test_what_was_in_a_cluster_that_is_gone_is_forgotten_if_asked_for(
    server: NamespaceServer, messages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
    unreachable = on(server.kubeconfig.replace(str(server.server_port), "1"), messages)

    assert unreachable.read(RESOURCE, "vault", {}, INPUTS) is None
    unreachable.delete(RESOURCE, "vault", {})
    assert len(messages) == 2

"""The configuration of the provider `kubernetes`."""

import pytest
import yaml

from sandbox.plugins.kubernetes.provider import KubernetesProvider
from sandbox.plugins.property_values import UNKNOWN, PropertyMap


def kubeconfig(server: str, user: str = "me") -> str:
    """A kubeconfig for one server."""
    return yaml.safe_dump(
        {
            "current-context": "c",
            "contexts": [
                {"name": "c", "context": {"cluster": "k", "user": user}},
                {"name": "other", "context": {"cluster": "o", "user": user}},
            ],
            "clusters": [
                {"name": "k", "cluster": {"server": server}},
                {"name": "o", "cluster": {"server": "https://other"}},
            ],
        }
    )


def replaced(old: PropertyMap, new: PropertyMap) -> set[str]:
    """The settings whose change replaces the provider."""
    changes = KubernetesProvider().diff_configuration(old, new).changes
    return {name for name, change in changes.items() if change.replaces}


@pytest.mark.parametrize(
    ("inputs", "wrong"),
    [
        ({}, ["kubeconfig"]),
        ({"kubeconfig": ""}, ["kubeconfig"]),
        ({"kubeconfig": "k", "namespace": "n"}, ["namespace"]),
        ({"kubeconfig": "k", "enableServerSideApply": "false"}, ["enableServerSideApply"]),
        ({"kubeconfig": "k", "context": "c", "cluster": "d", "version": "4.0.0"}, []),
        ({"kubeconfig": UNKNOWN, "clusterIdentifier": "i"}, []),
    ],
)
def test_settings(inputs: PropertyMap, wrong: list[str]) -> None:
    failures = KubernetesProvider().check_configuration(inputs)

    assert [failure.property_path for failure in failures] == wrong


def test_another_cluster_replaces_and_another_user_does_not() -> None:
    old: PropertyMap = {"kubeconfig": kubeconfig("https://a")}

    assert replaced(old, {"kubeconfig": kubeconfig("https://b")}) == {"kubeconfig"}
    assert replaced(old, {**old, "context": "other"}) == {"context"}
    assert replaced(old, {"kubeconfig": kubeconfig("https://a", user="you")}) == set()
    assert replaced(old, {"kubeconfig": UNKNOWN}) == {"kubeconfig"}


def test_an_identifier_decides_where_there_is_one() -> None:
    old: PropertyMap = {"kubeconfig": kubeconfig("https://a"), "clusterIdentifier": "one"}

    assert replaced(old, {"kubeconfig": kubeconfig("https://b"), "clusterIdentifier": "one"}) == set()
    assert replaced(old, {**old, "clusterIdentifier": "two"}) == {"clusterIdentifier"}
    assert replaced({"kubeconfig": old["kubeconfig"]}, old) == set()


def test_types_that_are_not_implemented_are_absent() -> None:
    provider = KubernetesProvider()
    provider.configure({"kubeconfig": kubeconfig("https://a")}, lambda *_: None)

    assert provider.resource_type("kubernetes:core/v1:Pod") is None
    assert provider.resource_type("kubernetes:core/v1:Namespace") is not None
    assert provider.resource_type("kubernetes:helm.sh/v3:Release") is not None
    assert provider.function("kubernetes:yaml:decode") is None

"""The connection to Kubernetes: by which context, under which identity, and what is required first."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.errors import DeploymentError
from components.kubernetes.managed_cluster import ManagedCluster
from components.kubernetes_connection import connect_kubernetes
from components.settings import Settings
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.mocked_account import IDENTITY, KUBERNETES_PROVIDER
from tests.unit.fakes.recorded_deployment import Deployment, Registration, deploy
from tests.unit.fakes.stack_settings import EKS, SHAMIR, parse


class Cluster(ManagedCluster):
    cloud = "aws"

    def __init__(self) -> None:
        object.__setattr__(self, "name", "example")

    @property
    def identity(self) -> str:
        return "arn:of:example"

    @property
    def token_command(self) -> tuple[str, str]:
        return "aws", "docs.aws.amazon.com/cli"

    def kubeconfig(self) -> str:
        return '{"of": "the cluster"}'


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Every command, and a kubeconfig of the tests' own with two contexts."""
    only_commands(monkeypatch, tmp_path / "commands", kubectl="echo '{}'", aws="exit 0")
    file = kubeconfig(tmp_path / "kubeconfig", {"contexts": [{"name": "elsewhere"}, {"name": "here"}]})
    monkeypatch.setenv("KUBECONFIG", str(file))
    return file


def kubeconfig(path: Path, document: Any) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def connected(
    settings: Settings, cluster: ManagedCluster | None = None, *, preview: bool = False
) -> tuple[Deployment, Registration]:
    def program() -> None:
        connection = connect_kubernetes(settings, cluster)
        pulumi.export("context", connection.target.context)
        pulumi.export("namespace", connection.target.namespace)
        pulumi.export("uid", connection.cluster_uid)

    deployment = deploy(
        {}, answers={}, outputs=lambda _: {"uid": "of the cluster"}, preview=preview, program=program
    )
    return deployment, deployment.only(KUBERNETES_PROVIDER)


def refused(settings: Settings, cluster: ManagedCluster | None = None, *, preview: bool = False) -> str:
    with pytest.raises(DeploymentError) as raised:
        connected(settings, cluster, preview=preview)
    return str(raised.value)


def test_context_of_the_settings() -> None:
    deployment, provider = connected(parse({**SHAMIR, "namespace": "secrets"}))
    assert (deployment.outputs["context"], deployment.outputs["namespace"]) == ("here", "secrets")
    assert deployment.outputs["uid"] == "of the cluster"
    assert provider.inputs["context"] == "here"
    assert provider.inputs["clusterIdentifier"] == "context:here"
    assert provider.inputs["enableSecretMutable"] == "true"
    assert provider.dependencies == {deployment.only(IDENTITY).urn}


def test_kubeconfig_of_the_settings(tmp_path: Path) -> None:
    other = kubeconfig(tmp_path / "other", {"contexts": [{"name": "there"}]})
    settings = parse({**SHAMIR, "kubeContext": "there", "kubeconfig": str(other)})
    assert connected(settings)[1].inputs["kubeconfig"] == str(other)
    other.unlink()
    assert f"The kubeconfig '{other}' doesn't exist" in refused(settings)


def test_managed_cluster_is_reached_without_a_context() -> None:
    deployment, provider = connected(parse(EKS), Cluster())
    assert deployment.outputs["context"] == "example"
    assert provider.inputs["kubeconfig"] == '{"of": "the cluster"}'
    assert provider.inputs["clusterIdentifier"] == "arn:of:example"


def test_managed_cluster_by_a_context_of_the_settings() -> None:
    deployment, provider = connected(parse({**EKS, "kubeContext": "here"}), Cluster())
    assert deployment.outputs["context"] == "here"
    assert provider.inputs["clusterIdentifier"] == "arn:of:example"


def test_neither_context_nor_cluster() -> None:
    assert "neither a kubeContext nor a clusterName" in refused(parse(EKS))


def test_command_for_tokens_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path / "none", kubectl="echo '{}'")
    said = refused(parse(EKS), Cluster())
    assert "'aws'" in said
    assert "it makes the tokens for example; see docs.aws.amazon.com/cli" in said


@pytest.mark.parametrize(
    ("address", "preview", "needed"),
    [
        (None, False, True),
        (None, True, True),
        ("http://{pod}:8200", False, True),
        ("http://{pod}:8200", True, False),
    ],
)
def test_kubectl_is_needed_but_for_a_preview_that_asks_no_pod(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str | None, preview: bool, needed: bool
) -> None:
    only_commands(monkeypatch, tmp_path / "none")
    settings = parse({**SHAMIR, **({"podAddress": address} if address else {})})
    if needed:
        assert "'kubectl'" in refused(settings, preview=preview)
    else:
        connected(settings, preview=preview)


def test_api_server_that_does_not_answer_fails_an_update_before_any_resource(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only_commands(monkeypatch, tmp_path / "none", kubectl="echo refused >&2; exit 1")
    settings = parse(SHAMIR)
    assert "doesn't answer: refused" in refused(settings)
    connected(settings, preview=True)


def test_context_that_no_kubeconfig_has(commands: Path) -> None:
    settings = parse({**SHAMIR, "kubeContext": "nowhere"})
    assert f"There is no context 'nowhere' in {commands} (known: elsewhere, here)." in refused(settings)


@pytest.mark.parametrize("document", [{}, [], {"contexts": None}, {"contexts": ["here"]}, ""])
def test_kubeconfig_without_contexts(commands: Path, document: object) -> None:
    kubeconfig(commands, document)
    assert "(known: none at all)" in refused(parse(SHAMIR))


@pytest.mark.parametrize("content", [b"{", b"\xff"])
def test_kubeconfig_that_cannot_be_read(commands: Path, content: bytes) -> None:
    commands.write_bytes(content)
    assert f"The kubeconfig {commands} can't be read: " in refused(parse(SHAMIR))


def test_several_kubeconfigs_one_of_which_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, commands: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'missing'}::{commands}")
    connected(parse(SHAMIR))


def test_empty_kubeconfig_variable_is_as_good_as_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, commands: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", "")
    (tmp_path / ".kube").mkdir()
    commands.rename(tmp_path / ".kube" / "config")
    connected(parse(SHAMIR))

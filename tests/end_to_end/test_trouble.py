"""Bad input and trouble: one clear message, and nothing half-made."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.end_to_end.deployment import ONE_POD, Deployment
from tests.end_to_end.faults.boundary import boundary
from tests.http_server import file_server


def test_refused_before_any_resource(fresh: Deployment) -> None:
    """Every mistake at once; each one is tried in `tests/unit`."""
    fresh.configure({"replicas": 2, "ui": "maybe", "replicsa": 3})
    result = fresh.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode != 0
    for part in ("3 settings are wrong", "replicas", "vault-autounseal:ui", "did you mean replicas?"):
        assert part in result.stdout, result.stdout
    assert "Traceback" not in result.stdout
    assert not fresh.has_key()
    assert not fresh.has_namespace()


@pytest.mark.alone
def test_no_oidc_provider(fresh: Deployment) -> None:
    iam = fresh.aws("iam")
    arn = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"][0]["Arn"]
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    try:
        result = fresh.stack.run("up", "--yes", "--skip-preview")
    finally:
        iam.create_open_id_connect_provider(
            Url=f"https://{provider['Url'].removeprefix('https://')}",
            ClientIDList=provider["ClientIDList"],
            ThumbprintList=provider["ThumbprintList"],
        )
    assert result.returncode != 0
    assert "eksctl utils associate-iam-oidc-provider" in result.stdout
    assert not fresh.has_key()


def test_vault_that_does_not_start(fresh: Deployment) -> None:
    """Without `kms:DescribeKey` Vault ends at once; the message holds what it logged last."""
    with boundary(fresh, ["kms:Decrypt"]) as arn:
        deadlines = {"podStartSeconds": 10}
        role = {"permissionsBoundary": arn}
        fresh.configure({**ONE_POD, "role": role, "init": {"preflight": False}, "deadlines": deadlines})
        result = fresh.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode != 0
    assert f"Vault on {fresh.name}-0 doesn't answer" in result.stdout, result.stdout
    assert "is not authorized to perform: kms:DescribeKey" in result.stdout


def failed(stack: Deployment, settings: Mapping[str, object], **deadlines: int) -> str:
    """Update, which has to fail; return what is said."""
    stack.configure({"createNamespace": False, "deadlines": deadlines, **settings})
    result = stack.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode != 0
    return result.stdout


def test_pods_that_do_not_run_are_told_each_with_its_reason(fresh: Deployment) -> None:
    """In a namespace whose Pod Security is ``restricted``, in which Vault comes up in the end."""
    name, kubectl = fresh.name, fresh.cluster.kubectl
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")

    # On one node, the chart's own rule leaves two of three pods without any.
    wrong = {"image": {"tag": "0.0.0"}, "affinity": None}

    kubectl("create", "quota", "none", fresh.in_namespace, "--hard=pods=0")
    said = failed(fresh, wrong, podStartSeconds=10, webhookSeconds=10)
    assert re.search(rf"Vault on {name}-0 doesn't answer: not created: .*: exceeded quota: none", said), said
    assert re.search(rf"{name}-1, {name}-2: not created: .*: exceeded quota: none", said), said
    assert f"The injector {name}-agent-injector isn't ready" in said
    assert re.search(rf"a pod of {name}-agent-injector: not created: .*: exceeded quota: none", said), said

    kubectl("delete", "quota", "none", fresh.in_namespace)
    # Kubernetes tries again by itself, but more and more rarely.
    kubectl("annotate", "statefulset,replicaset", "--all", "tried=again", fresh.in_namespace)
    said = failed(fresh, wrong, podStartSeconds=20)
    assert re.search(r"(ErrImagePull|ImagePullBackOff): .*hashicorp/vault:0\.0\.0", said), said
    assert re.search(r"not scheduled: 0/1 nodes are available: .*anti-affinity", said), said
    assert "exceeded quota" not in said

    # The pods are of the old settings, and Kubernetes 1.34 looks at a new one again five minutes after the
    # anti-affinity of an old one has kept it out, not once that one is gone.
    kubectl("scale", "statefulset", name, "--replicas=0", fresh.in_namespace)
    kubectl("delete", "pods", "--selector=component=server", fresh.in_namespace, "--wait=true")
    fresh.configure({"createNamespace": False})
    fresh.up()
    fresh.vault.await_healthy_voters(fresh.outputs()["root_token"])


def test_no_cluster_reachable(fresh: Deployment, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    text = fresh.stack.layout.kubeconfig.read_text()
    # Nothing listens on port 1 of the loopback.
    kubeconfig.write_text(re.sub(r"server: \S+", "server: https://127.0.0.1:1", text))
    fresh.configure({"kubeconfig": str(kubeconfig)})
    result = fresh.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode != 0
    assert "The Kubernetes cluster behind context 'vault-sandbox' doesn't answer" in result.stdout
    assert not fresh.has_key()


@pytest.fixture
def chart_repository(tmp_path: Path) -> Iterator[str]:
    """The URL of a Helm repository on the loopback that has another version of the chart only."""
    folder = tmp_path / "repository"
    folder.mkdir()
    entry = {"name": "vault", "version": "0.1.0", "urls": ["vault-0.1.0.tgz"], "apiVersion": "v2"}
    (folder / "index.yaml").write_text(json.dumps({"apiVersion": "v1", "entries": {"vault": [entry]}}))
    with file_server(folder) as url:
        yield url


def test_chart_version_not_found(fresh: Deployment, chart_repository: str) -> None:
    fresh.configure({"chart": {"repository": chart_repository, "version": "0.29.1"}})
    result = fresh.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode != 0
    assert 'chart "vault" version "0.29.1" not found' in result.stdout, result.stdout
    assert "OperatorInit" not in result.stdout

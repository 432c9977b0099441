"""Bad input and trouble: one clear message, and nothing half-made."""

import functools
import json
import re
import threading
from collections.abc import Iterator, Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Deployment

BEFORE_ANY_RESOURCE = {
    "misspelt setting": ({"replicsa": 3}, ["vault-autounseal:replicsa", "did you mean replicas?"]),
    "threshold above shares": (
        {"init": {"shares": 3, "threshold": 4}},
        ["vault-autounseal:init.threshold is 4", "the 3 shares that there are"],
    ),
    "two replicas": ({"replicas": 2}, ["vault-autounseal:replicas", "use 1, 3, 5 or 7"]),
    "all at once": (
        {"replicas": 2, "ui": "maybe", "key": {"deletionWindowDays": 3}},
        ["3 settings are wrong", "replicas", "vault-autounseal:ui", "key.deletionWindowDays is 3"],
    ),
    "no node security group": (
        {"nodeSecurityGroupId": None},
        ["vault-autounseal:nodeSecurityGroupId is not set", "the injector's webhook"],
    ),
    "unknown EKS cluster": (
        {"clusterName": "no-such-cluster"},
        ["EKS cluster 'no-such-cluster' can't be read in ap-northeast-2", "Check clusterName and region"],
    ),
    "unknown node security group": (
        {"nodeSecurityGroupId": "sg-00000000000000000"},
        ["The node security group sg-00000000000000000 can't be read", "Set nodeSecurityGroupId"],
    ),
    "unknown context": (
        {"kubeContext": "production"},
        ["There is no context 'production'", "known: vault-sandbox"],
    ),
}


@pytest.mark.parametrize(("settings", "message"), BEFORE_ANY_RESOURCE.values(), ids=BEFORE_ANY_RESOURCE)
def test_refused_before_any_resource(
    nothing: Deployment, settings: Mapping[str, object], message: list[str]
) -> None:
    nothing.configure(settings)
    result = nothing.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode != 0
    for part in message:
        assert part in result.stdout, result.stdout
    assert "Traceback" not in result.stdout
    assert nothing.customer_aliases() == []
    assert nothing.cluster.run("get", "namespace", "vault").returncode != 0


def test_no_oidc_provider(nothing: Deployment) -> None:
    iam = nothing.aws("iam")
    arn = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"][0]["Arn"]
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    try:
        result = nothing.stack.run("up", "--yes", "--skip-preview")
    finally:
        iam.create_open_id_connect_provider(
            Url=f"https://{provider['Url'].removeprefix('https://')}",
            ClientIDList=provider["ClientIDList"],
            ThumbprintList=provider["ThumbprintList"],
        )
    assert result.returncode != 0
    assert "eksctl utils associate-iam-oidc-provider" in result.stdout
    assert nothing.customer_aliases() == []


def test_no_permission_to_encrypt(nothing: Deployment) -> None:
    """Vault starts without `kms:Encrypt` and fails at the init; the message shows AWS's own words."""
    boundary = nothing.aws("iam").create_policy(
        PolicyName="without-encrypt",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:DescribeKey"], "Resource": "*"}
                ],
            }
        ),
    )["Policy"]["Arn"]
    nothing.configure({"role": {"permissionsBoundary": boundary}, "init": {"preflight": False}})
    result = nothing.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode != 0
    assert "Init of Vault on vault-0 failed" in result.stdout, result.stdout
    assert "is not authorized to perform: kms:Encrypt" in result.stdout
    assert "Run pulumi up again" in result.stdout


def test_vault_that_does_not_start(nothing: Deployment) -> None:
    """Without `kms:DescribeKey` Vault ends at once; the message holds what it logged last."""
    boundary = nothing.aws("iam").create_policy(
        PolicyName="without-describe",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": "*"}],
            }
        ),
    )["Policy"]["Arn"]
    settings = {"init": {"preflight": False}, "deadlines": {"podStartSeconds": 20}}
    nothing.configure({"role": {"permissionsBoundary": boundary}, **settings})
    result = nothing.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode != 0
    assert "Vault on vault-0 doesn't answer" in result.stdout, result.stdout
    assert "is not authorized to perform: kms:DescribeKey" in result.stdout


def test_no_cluster_reachable(nothing: Deployment, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    text = nothing.stack.layout.kubeconfig.read_text()
    # Nothing listens on port 1 of the loopback.
    kubeconfig.write_text(re.sub(r"server: \S+", "server: https://127.0.0.1:1", text))
    nothing.configure({"kubeconfig": str(kubeconfig)})
    result = nothing.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode != 0
    assert "The Kubernetes cluster behind context 'vault-sandbox' doesn't answer" in result.stdout
    assert nothing.customer_aliases() == []


@pytest.fixture
def chart_repository(tmp_path: Path) -> Iterator[str]:
    """The URL of a Helm repository on the loopback that has another version of the chart only."""
    folder = tmp_path / "repository"
    folder.mkdir()
    entry = {"name": "vault", "version": "0.1.0", "urls": ["vault-0.1.0.tgz"], "apiVersion": "v2"}
    (folder / "index.yaml").write_text(json.dumps({"apiVersion": "v1", "entries": {"vault": [entry]}}))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_chart_version_not_found(nothing: Deployment, chart_repository: str) -> None:
    nothing.configure({"chart": {"repository": chart_repository, "version": "0.29.1"}})
    result = nothing.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode != 0
    assert 'chart "vault" version "0.29.1" not found' in result.stdout, result.stdout
    assert "OperatorInit" not in result.stdout

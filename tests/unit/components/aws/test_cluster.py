"""The kubeconfig made from an EKS cluster; the look-up is tested with the whole program."""

import json
from typing import Any

import pulumi_aws as aws
import pytest

from components.aws.cluster import EksCluster


@pytest.fixture
def kubeconfig() -> Any:
    cluster = EksCluster(
        name="example",
        region="eu-central-1",
        partition="aws",
        account_id="123456789012",
        endpoint="https://0123.gr7.eu-central-1.eks.amazonaws.com",
        certificate_authority="Q0E=",
        issuer="https://oidc.eks.eu-central-1.amazonaws.com/id/0123",
        security_group_id="sg-0aaaaaaaaaaaaaaaa",
        oidc_provider_arn=None,
        provider=object.__new__(aws.Provider),
    )
    return json.loads(cluster.kubeconfig())


def test_cluster_and_its_ca(kubeconfig: Any) -> None:
    (cluster,) = kubeconfig["clusters"]
    assert cluster["cluster"] == {
        "server": "https://0123.gr7.eu-central-1.eks.amazonaws.com",
        "certificate-authority-data": "Q0E=",
    }


def test_token_is_asked_for_at_each_use(kubeconfig: Any) -> None:
    (user,) = kubeconfig["users"]
    assert user["user"].keys() == {"exec"}
    command = user["user"]["exec"]
    assert command["apiVersion"] == "client.authentication.k8s.io/v1beta1"
    assert " ".join([command["command"], *command["args"]]) == (
        "aws eks get-token --output json --cluster-name example --region eu-central-1"
    )


def test_context_joins_cluster_and_user(kubeconfig: Any) -> None:
    assert kubeconfig["current-context"] == "example"
    (context,) = kubeconfig["contexts"]
    assert context["name"] == "example"
    assert context["context"]["cluster"] == kubeconfig["clusters"][0]["name"]
    assert context["context"]["user"] == kubeconfig["users"][0]["name"]

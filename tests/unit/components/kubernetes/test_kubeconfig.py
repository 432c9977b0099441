"""The kubeconfig of a managed cluster."""

import json

from components.kubernetes.kubeconfig import exec_kubeconfig


def test_one_context_joins_the_cluster_and_the_command_for_its_token() -> None:
    kubeconfig = exec_kubeconfig(
        "example",
        endpoint="https://example.com",
        certificate_authority="Q0E=",
        token_command={"command": "aws", "args": ["eks", "get-token"]},
    )
    cluster = {"server": "https://example.com", "certificate-authority-data": "Q0E="}
    command = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["eks", "get-token"],
    }
    assert json.loads(kubeconfig) == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "example", "cluster": cluster}],
        "users": [{"name": "example", "user": {"exec": command}}],
        "contexts": [{"name": "example", "context": {"cluster": "example", "user": "example"}}],
        "current-context": "example",
    }


def test_a_publicly_trusted_certificate_needs_no_authority() -> None:
    kubeconfig = exec_kubeconfig(
        "example", endpoint="https://example.com", certificate_authority="", token_command={"command": "aws"}
    )
    (entry,) = json.loads(kubeconfig)["clusters"]
    assert entry["cluster"] == {"server": "https://example.com"}

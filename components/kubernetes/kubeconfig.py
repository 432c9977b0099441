"""Builds a kubeconfig that runs a command for a token at each use."""

import json
from collections.abc import Mapping
from typing import Any


def exec_kubeconfig(
    name: str, *, endpoint: str, certificate_authority: str, token_command: Mapping[str, Any]
) -> str:
    """Return a kubeconfig, as JSON, with one cluster, user and context called ``name``.

    ``endpoint`` is the URL of the API server, ``certificate_authority`` base64 of its PEM (empty if its
    certificate is publicly trusted), ``token_command`` the fields of the user's ``exec`` besides its version.
    It holds no credential.
    """
    cluster = {"server": endpoint}
    if certificate_authority:
        cluster["certificate-authority-data"] = certificate_authority
    command = {"apiVersion": "client.authentication.k8s.io/v1beta1", **token_command}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"exec": command}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )

"""A pod whose agent, put into it by the injector, reads a secret of Vault."""

import json
from collections.abc import Mapping
from typing import Any

from tests.end_to_end.running_vault import RunningVault, poll

PASSWORD = "opensesame"
_POLICY = 'path "secret/data/database" { capabilities = ["read"] }'


def _pod(secret: str) -> Mapping[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "reader",
            "annotations": {
                "vault.hashicorp.com/agent-inject": "true",
                "vault.hashicorp.com/agent-pre-populate-only": "true",
                "vault.hashicorp.com/role": "database",
                "vault.hashicorp.com/agent-inject-secret-database": secret,
            },
        },
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "reader",
                    "image": "busybox:1.36",
                    "imagePullPolicy": "Never",
                    "command": ["cat", "/vault/secrets/database"],
                }
            ],
        },
    }


def secret_read_by_a_pod(vault: RunningVault, token: str) -> str:
    """What a pod says that prints a secret, which has :data:`PASSWORD` in it; the pod is gone afterwards."""
    vault.write("sys/mounts/secret", token, {"type": "kv", "options": {"version": "2"}})
    vault.write("sys/auth/kubernetes", token, {"type": "kubernetes"})
    vault.write("auth/kubernetes/config", token, {"kubernetes_host": "https://kubernetes.default.svc"})
    vault.write("sys/policies/acl/database", token, {"policy": _POLICY})
    vault.write(
        "auth/kubernetes/role/database",
        token,
        {
            "bound_service_account_names": "default",
            "bound_service_account_namespaces": "default",
            "policies": "database",
        },
    )
    return said_by_a_pod(vault, token, "secret/data/database")


def said_by_a_pod(vault: RunningVault, token: str, secret: str) -> str:
    """Like :func:`secret_read_by_a_pod`, if Vault has the role `database` for the pod, which may read it.

    ``token`` may write the secret.
    """
    vault.write(secret, token, {"data": {"password": PASSWORD}})
    said = ""

    def has_read() -> bool:
        nonlocal said
        log = vault.cluster.run("logs", "reader", "--namespace=default", "--container=reader")
        said = log.stdout
        return PASSWORD in said

    try:
        vault.cluster.kubectl("create", "--namespace=default", "--filename=-", stdin=json.dumps(_pod(secret)))
        poll("the pod read its secret", 90, has_read)
    finally:
        vault.cluster.kubectl("delete", "pod", "reader", "--namespace=default", "--ignore-not-found")
    return said

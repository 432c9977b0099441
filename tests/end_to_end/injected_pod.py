"""A pod whose agent, put into it by the injector, reads a secret of Vault."""

import json
from collections.abc import Mapping
from typing import Any

from tests.end_to_end.running_vault import RunningVault, poll

PASSWORD = "opensesame"


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


def said_by_a_pod(vault: RunningVault, token: str, secret: str) -> str:
    """What a pod says that prints the secret, in which is :data:`PASSWORD`; the pod is gone afterwards.

    Vault has the role `database` for it, which may read the secret, and ``token`` may write it.
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

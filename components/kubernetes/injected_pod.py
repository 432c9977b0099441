"""Describes a pod that asks for injection, and reads from one whose injector has changed it."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from components.kubernetes.kubectl import OWNER, OWNER_LABEL

INJECTED_CONTAINER = "vault-agent"


def admission_probe(namespace: str, image: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return a pod that asks for injection, and that policies on pods admit.

    It meets Pod Security "restricted", has the requests and limits that a quota asks for, and an ``image``
    that the cluster runs already. Its token is mounted, as the injector refuses a pod without one. ``labels``
    are those that the webhook wants.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "vault-injector-probe-",
            "namespace": namespace,
            "labels": {"app.kubernetes.io/name": "vault-injector-probe", OWNER_LABEL: OWNER, **labels},
            "annotations": {
                "vault.hashicorp.com/agent-inject": "true",
                "vault.hashicorp.com/role": "injector-probe",
            },
        },
        "spec": {
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "runAsGroup": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "probe",
                    "image": image,
                    "resources": {
                        "requests": {"cpu": "10m", "memory": "16Mi"},
                        "limits": {"cpu": "10m", "memory": "16Mi"},
                    },
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                }
            ],
        },
    }


def vault_address(pod: Mapping[str, Any]) -> str | None:
    """Return the address that an injected agent goes to: empty if unknown, None if there is no agent.

    It is in the agent's configuration (vault-k8s, `agent/container_env.go` and `agent/config.go`).
    """
    agent = next((one for one in pod["spec"]["containers"] if one["name"] == INJECTED_CONTAINER), None)
    if agent is None:
        return None
    environment = {one["name"]: one.get("value", "") for one in agent.get("env") or ()}
    try:
        configuration = json.loads(base64.b64decode(environment["VAULT_CONFIG"], validate=True))
        return str(configuration["vault"]["address"])
    except (KeyError, TypeError, ValueError, binascii.Error):
        return ""

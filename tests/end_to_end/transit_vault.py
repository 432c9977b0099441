"""Another Vault in the sandbox's cluster, whose transit engine seals the one of the program."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from tests.end_to_end.running_vault import Cluster, poll

NAMESPACE = "other-vault"
KEY = "autounseal"
ADDRESS = f"http://other-vault.{NAMESPACE}.svc:8200"
_ROOT_TOKEN = "root-of-the-other-vault"
_CALL_SECONDS = 10
_POLICY = f"""
path "transit/encrypt/{KEY}" {{ capabilities = ["update"] }}
path "transit/decrypt/{KEY}" {{ capabilities = ["update"] }}
"""


@dataclass(frozen=True)
class TransitVault:
    """A server in memory, with the engine, a key and a policy for it."""

    cluster: Cluster
    address: str

    def call(self, method: str, path: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request as its root; it has to succeed."""
        response = requests.request(
            method,
            f"{self.address}/v1/{path}",
            headers={"X-Vault-Token": _ROOT_TOKEN},
            json=data,
            timeout=_CALL_SECONDS,
        )
        assert response.ok, f"{path}: {response.status_code} {response.text}"
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer

    def token(self, *policies: str) -> str:
        """A periodic token with these policies."""
        answer = self.call(
            "POST",
            "auth/token/create-orphan",
            {"policies": policies, "period": "24h", "no_default_policy": False},
        )
        token: str = answer["auth"]["client_token"]
        return token

    def allow(self, *, decrypt: bool) -> None:
        """Writes the policy `autounseal`, with or without the right to decrypt."""
        policy = _POLICY if decrypt else _POLICY.replace("transit/decrypt", "transit/no")
        self.call("PUT", "sys/policies/acl/autounseal", {"policy": policy})


@contextmanager
def transit_vault(cluster: Cluster, image: str) -> Iterator[TransitVault]:
    """The server, running; its namespace is on its way out when the block ends."""
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "other-vault", "namespace": NAMESPACE, "labels": {"app": "other-vault"}},
            "spec": {
                "securityContext": {"runAsNonRoot": True, "runAsUser": 100, "runAsGroup": 1000},
                "containers": [
                    {
                        "name": "vault",
                        "image": image,
                        "command": ["vault", "server", "-dev"],
                        "env": [
                            {"name": "VAULT_DEV_LISTEN_ADDRESS", "value": "0.0.0.0:8200"},
                            {"name": "VAULT_DEV_ROOT_TOKEN_ID", "value": _ROOT_TOKEN},
                            {"name": "HOME", "value": "/tmp"},  # noqa: S108 - in the container
                        ],
                    }
                ],
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "other-vault", "namespace": NAMESPACE},
            "spec": {"selector": {"app": "other-vault"}, "ports": [{"port": 8200}]},
        },
    ]
    cluster.kubectl(
        "apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    )
    try:
        cluster.kubectl(
            "wait", "--for=condition=Ready", "pod/other-vault", f"--namespace={NAMESPACE}", "--timeout=60s"
        )
        pod = cluster.get("pod", "other-vault", f"--namespace={NAMESPACE}")
        vault = TransitVault(cluster, f"http://{pod['status']['podIP']}:8200")
        poll("the other Vault answers", 30, lambda: _answers(vault.address))
        vault.call("POST", "sys/mounts/transit", {"type": "transit"})
        vault.call("POST", f"transit/keys/{KEY}")
        vault.allow(decrypt=True)
        yield vault
    finally:
        cluster.run("delete", "namespace", NAMESPACE, "--wait=false")


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/v1/sys/health", timeout=_CALL_SECONDS).ok
    except requests.exceptions.RequestException:
        return False

"""The pods' network, as far as a deployment depends on it."""

import json

from sandbox.cluster.commands import run
from sandbox.network import BRIDGE_DEVICE, BRIDGE_HARDWARE_ADDRESS
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.running_vault import poll


def test_the_gateway_keeps_its_hardware_address_with_pods_on_the_bridge(awskms: Deployment) -> None:
    """A bridge that takes a port's address changes it when that pod goes.

    Connections of the other pods then hang: 54 s were measured with two network namespaces. Vault gives its
    key service ten, and an init that can't use its key loses its keys.
    """
    assert awskms.vault.unsealed() == 3
    (link,) = json.loads(run(["ip", "-json", "link", "show", "dev", BRIDGE_DEVICE]))
    assert link["address"] == BRIDGE_HARDWARE_ADDRESS


def test_a_service_without_endpoints_refuses_connections_at_once(awskms: Deployment) -> None:
    """As kube-proxy has it everywhere; a lost packet is sent again after 1, 3, 7 and 15 s only.

    Servers that join try the Service of the active one before there is one.
    """
    awskms.cluster.kubectl(
        "create", "service", "clusterip", "nobody", "--tcp=8200:8200", f"--namespace={awskms.name}"
    )
    try:
        service = awskms.cluster.get("service", "nobody", f"--namespace={awskms.name}")
        address = f"http://{service['spec']['clusterIP']}:8200"
        pod = ["exec", "vault-0", "--container=vault", f"--namespace={awskms.name}", "--", "env"]
        client = ["VAULT_MAX_RETRIES=0", "VAULT_CLIENT_TIMEOUT=1", "vault", "status", f"-address={address}"]

        def refused() -> bool:
            return "connection refused" in awskms.cluster.run(*pod, *client).stderr

        poll("kube-proxy knows the Service", 30, refused)
        assert [refused() for _ in range(4)] == [True] * 4
    finally:
        awskms.cluster.kubectl("delete", "service", "nobody", f"--namespace={awskms.name}")

"""The pods' network, as far as a deployment depends on it."""

import json

from sandbox.cluster.commands import run
from sandbox.network import BRIDGE_DEVICE, BRIDGE_HARDWARE_ADDRESS
from tests.end_to_end.deployment import Deployment


def test_the_gateway_keeps_its_hardware_address_with_pods_on_the_bridge(awskms: Deployment) -> None:
    """A bridge that takes a port's address changes it when that pod goes.

    Connections of the other pods then hang: 54 s were measured with two network namespaces. Vault gives its
    key service ten, and an init that can't use its key loses its keys.
    """
    assert awskms.vault.unsealed() == 3
    (link,) = json.loads(run(["ip", "-json", "link", "show", "dev", BRIDGE_DEVICE]))
    assert link["address"] == BRIDGE_HARDWARE_ADDRESS

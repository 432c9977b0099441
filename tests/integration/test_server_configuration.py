"""A real Vault with HCL of the user's own and with parameters of the listener."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from components.settings import ListenerSettings
from tests.integration.vault_servers import VaultServers, vault_servers

EXTRA = """\
telemetry {
  prometheus_retention_time = "30s"
  disable_hostname = true
}
cluster_name = <<EOF
from-extra-config
EOF
"""


@pytest.fixture(scope="module")
def servers(vault_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServers]:
    """One server that believes a proxy on this machine, and isn't initialised."""
    listener = ListenerSettings(("127.0.0.0/8",), 0, True, True)
    folder = tmp_path_factory.mktemp("extra")
    with vault_servers(
        vault_program, folder, replicas=1, seal=None, raft=None, listener=listener, extra=EXTRA
    ) as servers:
        yield servers


def test_a_request_without_a_proxy_is_served(servers: VaultServers) -> None:
    """The program comes through kubectl port-forward, and the pod's probe from its own address."""
    answer = requests.get(f"{servers[0].address}/v1/sys/seal-status", timeout=10)
    assert answer.status_code == 200
    through = {"X-Forwarded-For": "192.0.2.1"}
    answer = requests.get(f"{servers[0].address}/v1/sys/seal-status", headers=through, timeout=10)
    assert answer.status_code == 200


def test_metrics_are_readable_without_a_token(servers: VaultServers) -> None:
    client = servers[0].client()
    init = client.sys.initialize(secret_shares=1, secret_threshold=1)
    client.sys.submit_unseal_key(init["keys"][0])
    assert client.sys.read_health_status(method="GET")["cluster_name"].strip() == "from-extra-config"
    address = f"{servers[0].address}/v1/sys/metrics?format=prometheus"
    assert "vault_core_unsealed" in requests.get(address, timeout=10).text
    # What the listener doesn't open stays shut.
    assert requests.get(f"{servers[0].address}/v1/sys/mounts", timeout=10).status_code == 403

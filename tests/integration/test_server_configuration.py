"""A real Vault with HCL of the user's own and with parameters of listener and raft."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import hvac.exceptions
import pytest
import requests

from components.settings import ListenerSettings
from components.settings.server_configuration import ExtraConfiguration
from tests.integration.vault_servers import RAFT, VaultServers, vault_servers, wait_until

EXTRA = """\
telemetry {
  prometheus_retention_time = "30s"
  disable_hostname = true
}
cluster_name = <<EOF
from-extra-config
EOF
"""

HEADERS = 'custom_response_headers {\n  "default" = {\n    "X-Tried" = ["yes"]\n  }\n}'
ENTRY_BYTES = 40_000


@pytest.fixture(scope="module")
def servers(vault_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServers]:
    """One server that believes a proxy on this machine, and isn't initialised."""
    listener = ListenerSettings(("127.0.0.0/8",), 0, True, True, ExtraConfiguration(HEADERS))
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


def test_listener_has_the_users_parameters(servers: VaultServers) -> None:
    assert requests.get(f"{servers[0].address}/v1/sys/health", timeout=10).headers["X-Tried"] == "yes"


def test_raft_has_the_users_parameters(vault_program: Path, tmp_path: Path) -> None:
    raft = replace(RAFT, extra=ExtraConfiguration(f'max_entry_size = "{ENTRY_BYTES}"'))
    with vault_servers(vault_program, tmp_path, replicas=1, seal=None, raft=raft) as servers:
        client = servers[0].client()
        init = client.sys.initialize(secret_shares=1, secret_threshold=1)
        client.sys.submit_unseal_key(init["keys"][0])
        client.token = init["root_token"]
        wait_until("it leads", 30, servers[0].is_active)
        client.write("cubbyhole/small", value="x" * (ENTRY_BYTES // 2))
        with pytest.raises(hvac.exceptions.InternalServerError, match="too large"):
            client.write("cubbyhole/large", value="x" * (2 * ENTRY_BYTES))

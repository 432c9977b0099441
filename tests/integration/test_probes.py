"""What kubelet's probes of Vault's pods find, by the paths that the chart's values have."""

from pathlib import Path

import pytest
import requests

from components.vault.client import VaultClient
from components.vault.pod_values import probe_values
from tests.built_tools import on_each_vault
from tests.integration.vault_servers import VaultServer, vault_servers, wait_until

pytestmark = on_each_vault

READY, ALIVE = (probe_values()[f"{kind}Probe"]["path"] for kind in ("readiness", "liveness"))


def succeeds(server: VaultServer, path: str) -> bool:
    """Judge an answer as kubelet does."""
    answer = requests.get(f"{server.address}{path}", timeout=3, allow_redirects=False)
    return 200 <= answer.status_code < 400


def unseal(server: VaultServer, share: str) -> None:
    client = VaultClient(server.address)
    wait_until(f"{server.name} has joined", 30, lambda: client.seal_status().initialized)
    client.submit_key_share(share)
    wait_until(f"{server.name} is ready", 30, lambda: succeeds(server, READY))


def test_only_who_serves_is_ready_and_only_who_answers_nothing_is_restarted(
    vault_program: Path, tmp_path: Path
) -> None:
    with vault_servers(vault_program, tmp_path, replicas=2, seal=None) as servers:
        leader, standby = servers[0], servers[1]
        for uninitialised in servers.servers:
            assert not succeeds(uninitialised, READY)
            assert succeeds(uninitialised, ALIVE)

        answer = VaultClient(leader.address).initialize(shares=1, threshold=1, recovery=False)
        assert not succeeds(leader, READY)
        assert succeeds(leader, ALIVE)

        for server in servers.servers:
            unseal(server, answer.key_shares[0])
            assert succeeds(server, ALIVE)
        wait_until("vault-0 leads", 30, leader.is_active)
        assert not standby.is_active()

        with leader.frozen():
            for path in (READY, ALIVE):
                with pytest.raises(requests.exceptions.ReadTimeout):
                    succeeds(leader, path)

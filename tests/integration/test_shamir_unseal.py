"""Three real Vault servers that key shares unseal: after the init, and again after a restart."""

import base64
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.operator_init import OperatorInitProvider
from components.raft_quorum import RaftQuorumProvider
from components.shamir_unseal import ShamirUnsealProvider
from components.shares.unseal import unseal_pods
from components.vault.client import VaultClient
from tests.integration.program_inputs import init_inputs, quorum_inputs, unseal_inputs
from tests.integration.vault_servers import ACCESS, VaultServers, vault_servers, wait_until


@pytest.fixture(autouse=True)
def pulumi_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The journal's place on this machine."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))


def initialise() -> dict[str, Any]:
    outputs = OperatorInitProvider().create(init_inputs(seal_type="shamir", seal_key="")).outs
    assert outputs is not None
    return outputs


def sealed(servers: VaultServers) -> list[bool]:
    return [server.client().sys.is_sealed() for server in servers.servers]


def test_unsealed_by_key_shares(
    vault_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with vault_servers(vault_program, tmp_path, replicas=3, seal=None) as servers:
        monkeypatch.setenv("PATH", str(servers.commands), prepend=":")
        init = initialise()
        assert len(set(init["key_shares"])) == 5
        assert init["recovery_shares"] == []
        assert sealed(servers) == [True, True, True]

        ShamirUnsealProvider().create(unseal_inputs(key_shares=init["key_shares"]))
        wait_until("every server is unsealed", 10, lambda: sealed(servers) == [False, False, False])
        root = servers[0].client(init["root_token"])
        assert root.auth.token.lookup_self()["data"]["policies"] == ["root"]
        fingerprint = init["keys_fingerprint"]
        quorum = RaftQuorumProvider().create(quorum_inputs(init["root_token"], keys_fingerprint=fingerprint))
        assert quorum.outs is not None
        assert all(peer["voter"] for peer in quorum.outs["peers"])
        # One that is unsealed twice while it joins has two loops that stand by, and ignores a step-down.
        for server in servers.servers:
            assert server.log.read_text(encoding="utf-8").count("entering standby mode") == 1, server.name

        servers.kill()
        servers.start()
        assert sealed(servers) == [True, True, True]
        # One that somebody typed counts as long as nobody resets the attempt.
        VaultClient(servers[0].address).submit_key_share(base64.b64encode(b"stray" * 6 + b"abc").decode())
        # Other shares of the same five do as well.
        unseal_pods(ACCESS, replicas=3, key_shares=init["key_shares"][2:], threshold=3, seconds=60)
        assert sealed(servers) == [False, False, False]
        said = "".join(capfd.readouterr())
        assert not [secret for secret in (init["root_token"], *init["key_shares"]) if secret in said]


def test_shares_of_another_vault(
    vault_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with vault_servers(vault_program, tmp_path, replicas=1, seal=None) as servers:
        monkeypatch.setenv("PATH", str(servers.commands), prepend=":")
        shares = initialise()["key_shares"]
        wrong = [*shares[:2], shares[0]]
        with pytest.raises(DeploymentError):
            unseal_pods(ACCESS, replicas=1, key_shares=wrong, threshold=3, seconds=2)
        assert sealed(servers) == [True]

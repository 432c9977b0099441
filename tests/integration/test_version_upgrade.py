"""Real Vaults of the older version whose servers go on with the newest one, on the same storage."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from components.errors import RetryableError
from components.operator_init import OperatorInitProvider
from components.raft_quorum import RaftQuorumProvider
from components.seals import awskms
from components.shares.generate_root import generate_root_token, prove_shares
from components.vault.client import VaultClient
from tests.built_tools import OLDER_VAULT, VAULT, built_vault
from tests.integration.initialised_vault import SEALS, THRESHOLD, InitialisedVault, initialised_vault
from tests.integration.key_service import REGION, KeyService
from tests.integration.program_inputs import init_inputs, quorum_inputs
from tests.integration.vault_servers import VaultServer, VaultServers, vault_servers, wait_until
from tests.unit.fakes.remembered_attempts import RememberedAttempts

UPGRADE_SECONDS = 60

pytestmark = pytest.mark.parametrize("vault_program", [OLDER_VAULT], indirect=True)


@pytest.fixture(params=SEALS)
def older(
    request: pytest.FixtureRequest, vault_program: Path, tmp_path: Path, kms: KeyService
) -> Iterator[InitialisedVault]:
    with initialised_vault(vault_program, tmp_path, request.param, kms) as vault:
        yield vault


def upgrade(server: VaultServer) -> None:
    """End the server as kubelet does, and start the newest version on its storage."""
    server.stop()
    server.program = built_vault(VAULT)
    server.start()


def test_the_newer_version_goes_on_with_the_same_vault(older: InitialisedVault) -> None:
    server, root_token = older.servers[0], older.answer.root_token
    before = older.client.seal_status()
    server.client(root_token).sys.enable_secrets_engine("kv", path="kept", options={"version": "2"})
    server.client(root_token).secrets.kv.v2.create_or_update_secret("it", {"is": "here"}, mount_point="kept")

    upgrade(server)
    assert older.client.seal_status().initialized
    if not older.recovery:
        assert older.client.seal_status().sealed
        older.client.unseal(older.shares[:THRESHOLD])
    wait_until("vault-0 is active", UPGRADE_SECONDS, server.is_active)

    after = older.client.seal_status()
    assert (before.version, after.version) == (OLDER_VAULT, VAULT)
    assert after.cluster_id == before.cluster_id != ""
    assert (after.seal_type, after.recovery_seal) == (before.seal_type, before.recovery_seal)
    kept = server.client(root_token).secrets.kv.v2.read_secret_version(
        "it", mount_point="kept", raise_on_deleted_version=True
    )
    assert kept["data"]["data"] == {"is": "here"}
    prove_shares(older.client, older.shares, THRESHOLD, RememberedAttempts())
    assert VaultClient(
        older.address, generate_root_token(older.client, older.shares, THRESHOLD)
    ).token_valid()


def test_servers_of_both_versions_are_one_cluster(
    vault_program: Path, tmp_path: Path, kms: KeyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    with vault_servers(
        vault_program,
        tmp_path,
        replicas=3,
        seal=awskms.stanza(REGION, kms.key_id),
        environment=kms.environment,
    ) as servers:
        monkeypatch.setenv("PATH", str(servers.commands), prepend=":")
        monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
        keys = OperatorInitProvider().create(init_inputs(shares=1, threshold=1)).outs
        assert keys is not None
        before = quorum(keys)

        standbys = [server for server in servers.servers if not server.is_active()]
        for server in standbys:
            upgrade(server)
            assert healthy_voters(quorum(keys)) == ["vault-0", "vault-1", "vault-2"]
            assert not server.is_active()
        assert sorted(versions(servers)) == [OLDER_VAULT, VAULT, VAULT]

        (leader,) = (server for server in servers.servers if server.is_active())
        upgrade(leader)
        wait_until("there is a leader", UPGRADE_SECONDS, lambda: any(leads(server) for server in standbys))
        after = quorum(keys)
        assert healthy_voters(after) == ["vault-0", "vault-1", "vault-2"]
        assert versions(servers) == [VAULT] * 3
        assert (after["cluster_id"], after["vault_version"]) == (before["cluster_id"], VAULT)
        without_token = quorum({**keys, "root_token": ""}, token_needed=False)
        assert [peer["leader"] for peer in without_token["peers"]].count(True) == 1


def quorum(keys: dict[str, Any], **changed: Any) -> dict[str, Any]:
    inputs = quorum_inputs(keys["root_token"], keys_fingerprint=keys["keys_fingerprint"], **changed)
    outputs = RaftQuorumProvider().create(inputs).outs
    assert outputs is not None
    return outputs


def healthy_voters(quorum: dict[str, Any]) -> Sequence[str]:
    return [peer["node_id"] for peer in quorum["peers"] if peer["voter"] and peer["healthy"]]


def versions(servers: VaultServers) -> Sequence[str]:
    return [VaultClient(server.address).seal_status().version for server in servers.servers]


def leads(server: VaultServer) -> bool:
    with contextlib.suppress(RetryableError):
        return VaultClient(server.address).leader().is_self
    return False

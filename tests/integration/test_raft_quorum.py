"""The quorum of three real Vault servers that a key of KMS unseals."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.operator_init import OperatorInitProvider
from components.raft_quorum import RaftQuorumProvider
from components.seals import awskms
from components.vault.client import VaultClient, VaultUnavailableError
from tests.built_tools import on_each_vault
from tests.integration.key_service import REGION, KeyService, run_key_service
from tests.integration.program_inputs import init_inputs, journal, quorum_inputs
from tests.integration.vault_servers import VaultServers, vault_servers, wait_until

pytestmark = on_each_vault


@dataclass(frozen=True)
class Initialised:
    """A cluster and what its init answered."""

    servers: VaultServers
    kms: KeyService
    root_token: str
    keys_fingerprint: str

    def inputs(self, **changed: Any) -> dict[str, Any]:
        return quorum_inputs(self.root_token, **{"keys_fingerprint": self.keys_fingerprint, **changed})

    def voters(self) -> dict[str, bool]:
        """Which servers vote, as raft itself has it."""
        answer = self.servers[0].client(self.root_token).sys.read_raft_config()
        return {server["node_id"]: server["voter"] for server in answer["data"]["config"]["servers"]}

    def sealed(self) -> list[bool]:
        """Whether each server is sealed, as it says itself."""
        return [server.client().sys.is_sealed() for server in self.servers.servers]


@pytest.fixture(scope="module")
def cluster(vault_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Initialised]:
    """Three servers, right after the init."""
    with (
        run_key_service() as kms,
        vault_servers(
            vault_program,
            tmp_path_factory.mktemp("awskms"),
            replicas=3,
            seal=awskms.stanza(REGION, kms.key_id),
            environment=kms.environment,
        ) as servers,
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        monkeypatch.setenv("PATH", str(servers.commands), prepend=":")
        monkeypatch.setenv("PULUMI_HOME", str(tmp_path_factory.mktemp("home")))
        outputs = OperatorInitProvider().create(init_inputs(shares=1, threshold=1)).outs
        assert outputs is not None
        yield Initialised(servers, kms, outputs["root_token"], outputs["keys_fingerprint"])


def test_three_healthy_voters(cluster: Initialised, capfd: pytest.CaptureFixture[str]) -> None:
    left_by_the_init = journal().find()
    assert left_by_the_init is not None
    outputs = RaftQuorumProvider().create(cluster.inputs()).outs
    assert outputs is not None
    assert cluster.voters() == {"vault-0": True, "vault-1": True, "vault-2": True}
    assert cluster.sealed() == [False, False, False]
    status = cluster.servers[1].client().sys.read_seal_status()
    assert outputs["cluster_id"] == status["cluster_id"]
    assert outputs["vault_version"] == status["version"]
    leader = cluster.servers[0].client().sys.read_leader_status()["leader_address"]
    assert [
        (peer["node_id"], peer["address"], peer["leader"], peer["voter"], peer["healthy"])
        for peer in outputs["peers"]
    ] == [
        (server.name, f"127.0.0.1:{server.cluster_port}", server.address == leader, True, True)
        for server in cluster.servers.servers
    ]
    assert cluster.root_token not in "".join(capfd.readouterr())
    assert journal().find() is None


def test_without_a_token_every_server_follows_one_leader(cluster: Initialised) -> None:
    RaftQuorumProvider().create(cluster.inputs())
    outputs = RaftQuorumProvider().create(cluster.inputs(token="", token_needed=False)).outs
    assert outputs is not None
    leading = [server.is_active() for server in cluster.servers.servers]
    assert [(peer["node_id"], peer["leader"], peer["voter"]) for peer in outputs["peers"]] == [
        (f"vault-{ordinal}", leads, None) for ordinal, leads in enumerate(leading)
    ]


def test_refresh_answers_the_peers(cluster: Initialised) -> None:
    known = RaftQuorumProvider().create(cluster.inputs()).outs
    assert known is not None
    answer = RaftQuorumProvider().read("id", {**known, "peers": []}).outs
    assert answer is not None
    assert [peer["node_id"] for peer in answer["peers"]] == ["vault-0", "vault-1", "vault-2"]


def test_restarted_servers_unseal_by_themselves(cluster: Initialised) -> None:
    cluster.servers.kill()
    cluster.servers.start()
    wait_until("every server is unsealed", 30, lambda: cluster.sealed() == [False, False, False])
    assert RaftQuorumProvider().update("id", {}, cluster.inputs(release_revision=2)).outs is not None
    root = cluster.servers[2].client(cluster.root_token)
    assert root.auth.token.lookup_self()["data"]["policies"] == ["root"]


def test_token_without_the_right(cluster: Initialised) -> None:
    with pytest.raises(DeploymentError) as raised:
        RaftQuorumProvider().create(cluster.inputs(token="hvs.wrong"))
    assert "doesn't let the token read raft's state" in str(raised.value)
    assert "permission denied" in str(raised.value)
    assert "hvs.wrong" not in str(raised.value)


def test_replica_that_never_joined_is_named(cluster: Initialised) -> None:
    with pytest.raises(DeploymentError) as raised:
        RaftQuorumProvider().create(cluster.inputs(replicas=5, quorum_seconds=1))
    first, *pods = str(raised.value).splitlines()
    assert first.startswith("Vault has no quorum of 5: vault-3, vault-4 not joined yet.")
    assert pods[:3] == [f"vault-{ordinal}: unsealed" for ordinal in range(3)]
    assert pods[3].startswith("vault-3: ")


def test_replica_that_is_one_too_many_is_named(cluster: Initialised) -> None:
    with pytest.raises(DeploymentError, match="vault-1, vault-2 still a raft peer though the release has 1"):
        RaftQuorumProvider().create(cluster.inputs(replicas=1, quorum_seconds=1))


def test_standby_that_is_alone_still_names_a_leader_and_cannot_prove_it(cluster: Initialised) -> None:
    """So a rolling change asks for an answer of the leader."""
    servers = list(cluster.servers.servers)
    wait_until("a server leads", 30, lambda: any(server.is_active() for server in servers))
    for server in servers:
        VaultClient(server.address).proven_leader()
    (leader,) = (server for server in servers if server.is_active())
    alone, other = (server for server in servers if server is not leader)
    client = VaultClient(alone.address)
    other.stop(kill=True)
    leader.stop(kill=True)
    try:
        assert client.leader().leader_address == leader.address
        assert not client.seal_status().sealed
        with pytest.raises(VaultUnavailableError):
            client.proven_leader()
    finally:
        other.start()
        leader.start()
    assert RaftQuorumProvider().create(cluster.inputs()).outs is not None


def test_server_that_is_down_is_named_with_its_log(cluster: Initialised) -> None:
    cluster.servers[2].stop()
    with pytest.raises(DeploymentError) as raised:
        RaftQuorumProvider().create(cluster.inputs(quorum_seconds=1))
    assert "vault-2: no answer from Vault: ConnectionError" in str(raised.value)
    # Not always the last: what still runs at the end of the process may write a line behind it.
    log = [line for line in str(raised.value).splitlines() if line.startswith("    ")]
    assert [line for line in log if line.endswith("core: vault is sealed")]
    cluster.servers[2].start()
    outputs = RaftQuorumProvider().create(cluster.inputs()).outs
    assert outputs is not None
    assert all(peer["healthy"] for peer in outputs["peers"])


def test_server_that_cannot_unseal_is_named_with_the_reason(cluster: Initialised) -> None:
    cluster.servers[2].stop()
    cluster.kms.denied.add("Decrypt")
    try:
        cluster.servers[2].start()
        with pytest.raises(DeploymentError) as raised:
            RaftQuorumProvider().create(cluster.inputs(quorum_seconds=3))
    finally:
        cluster.kms.denied.clear()
    assert "vault-2: sealed" in str(raised.value)
    assert "not authorized to perform: kms:Decrypt" in str(raised.value)

"""The seal of three real Vault servers is migrated by the command, which is killed at every step of it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from components.seals.awskms import stanza as awskms_stanza
from components.seals.seal import SealStanza
from components.settings import RaftSettings
from components.vault.client import OtherSealError, VaultClient, VaultUnavailableError
from tests.integration.key_service import REGION, KeyService, run_key_service
from tests.integration.migrating_vault import MigratingVault, migrating_vault
from tests.integration.vault_servers import RAFT, vault_servers, wait_until


@dataclass(frozen=True)
class Seals:
    """A stanza of each seal, None for Shamir's, and the environment that leads Vault to their keys."""

    stanzas: Mapping[str, SealStanza | None]
    environment: Mapping[str, str]
    kms: KeyService


@pytest.fixture(scope="module")
def seals(vault_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seals]:
    """A KMS, and another Vault with a key of its transit engine."""
    folder = tmp_path_factory.mktemp("other")
    with (
        run_key_service() as kms,
        vault_servers(vault_program, folder, replicas=1, seal=None) as servers,
    ):
        client = VaultClient(servers[0].address)
        answer = client.initialize(shares=1, threshold=1, recovery=False)
        client.submit_key_share(answer.key_shares[0])
        wait_until("the other Vault is active", 30, servers[0].is_active)
        root = servers[0].client(answer.root_token)
        root.sys.enable_secrets_engine("transit")
        root.secrets.transit.create_key(name="autounseal")
        transit = {"address": servers[0].address, "key_name": "autounseal", "mount_path": "transit"}
        yield Seals(
            {
                "shamir": None,
                "awskms": awskms_stanza(REGION, kms.key_id),
                "transit": SealStanza("transit", transit),
            },
            {**kms.environment, "VAULT_TOKEN": answer.root_token},
            kms,
        )


@pytest.fixture
def vault(
    request: pytest.FixtureRequest,
    vault_program: Path,
    tmp_path: Path,
    seals: Seals,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[MigratingVault]:
    """A cluster with the first of two seals."""
    old, new = request.param
    monkeypatch.setenv("PATH", str(tmp_path / "commands"), prepend=":")
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    with migrating_vault(
        vault_program,
        tmp_path,
        old=seals.stanzas[old],
        new=seals.stanzas[new],
        environment=seals.environment,
    ) as migrating:
        yield migrating


def require_migrated(vault: MigratingVault) -> None:
    """Every server has the new seal, and the old shares open the new one."""
    new = vault.outputs["seal_type"]
    for status in vault.statuses():
        assert (status.seal_type, status.sealed, status.migration) == (new, False, False)
        assert status.recovery_seal is (new != "shamir")
    assert vault.read() == "still there"


def unsealed(client: VaultClient) -> bool:
    return not client.seal_status().sealed


def restart_with_the_new_seal_alone(vault: MigratingVault) -> None:
    """As after the update without migrateFrom; with Shamir's seal somebody has to give the shares."""
    vault.configure([vault.new] if vault.new is not None else [])
    vault.servers.kill()
    vault.servers.start()
    for server in vault.servers.servers:
        client = VaultClient(server.address)
        if vault.new is None:
            for share in vault.shares[:3]:
                client.submit_key_share(share)
        wait_until(f"{server.name} is unsealed", 30, partial(unsealed, client))
    require_migrated(vault)


@pytest.mark.parametrize(
    "vault",
    [("shamir", "transit"), ("transit", "shamir"), ("awskms", "transit"), ("shamir", "awskms")],
    indirect=True,
    ids=lambda pair: "-".join(pair),
)
def test_killed_at_every_step(vault: MigratingVault) -> None:
    vault.configure_both()
    passed: set[str] = set()
    status = -1
    while status < 0:

        def is_news(event: str) -> bool:
            return event not in passed

        status = vault.migrate(stop=is_news)
        fresh = [event for event in vault.events if event not in passed]
        if status < 0:
            passed.add(fresh[0])
            # With two of three servers there is always one that leads.
            assert vault.read() == "still there"
        assert len(passed) < 40, "\n".join(vault.events)
    assert status == 0, "\n".join(vault.events)
    came_back = [event for event in passed if event.endswith(" came back")]
    assert len(came_back) == 3
    require_migrated(vault)
    said = "\n".join(vault.events)
    assert not [secret for secret in (vault.answer.root_token, *vault.shares) if secret in said]
    restarts = said.count("came back")
    assert vault.migrate() == 0
    assert "\n".join(vault.events).count("came back") == restarts, "it was done, and pods were restarted"
    restart_with_the_new_seal_alone(vault)


def leader(vault: MigratingVault) -> int | None:
    """Ordinal of the server that leads; None where there is none at the moment."""
    for ordinal, server in enumerate(vault.servers.servers):
        with contextlib.suppress(VaultUnavailableError):
            if VaultClient(server.address).leader().is_self:
                return ordinal
    return None


def change_leader(vault: MigratingVault, wanted: Callable[[int], bool]) -> None:
    """Has leaders step down until it is one that is wanted."""
    for _ in range(20):
        wait_until("there is a leader", 30, lambda: leader(vault) is not None)
        leading = leader(vault)
        assert leading is not None
        if wanted(leading):
            return
        VaultClient(vault.servers[leading].address, vault.answer.root_token).step_down()
        wait_until("another leads", 30, partial(led_by_another, vault, leading))
    raise AssertionError("20 leaders, and none of them is wanted")


def led_by_another(vault: MigratingVault, ordinal: int) -> bool:
    return leader(vault) not in (None, ordinal)


def came_back(event: str) -> bool:
    return event.endswith(" came back")


@pytest.mark.parametrize("vault", [("transit", "shamir")], indirect=True)
def test_without_a_token_and_with_a_share_too_many(vault: MigratingVault) -> None:
    vault.outputs["root_token"] = ""
    vault.configure_both()
    assert vault.migrate(stop=came_back) < 0
    restarted = next(number for number, status in enumerate(vault.statuses()) if status.migration)
    # Somebody has begun by hand, with a share that the command doesn't take.
    VaultClient(vault.servers[restarted].address).submit_key_share(vault.shares[4], migrate=True)
    assert vault.migrate() == 0, "\n".join(vault.events)
    assert "can't be told to step down (there is no token)" in "\n".join(vault.events)
    require_migrated(vault)


@pytest.mark.parametrize("vault", [("shamir", "awskms")], indirect=True)
def test_new_seal_that_cannot_be_used(vault: MigratingVault, seals: Seals) -> None:
    vault.configure_both()
    seals.kms.denied.add("Encrypt")
    try:
        assert vault.migrate() == 1
    finally:
        seals.kms.denied.discard("Encrypt")
    said = "\n".join(vault.events)
    assert "can't use seal awskms. Nothing was migrated;" in said
    assert "not authorized to perform: kms:Encrypt" in said
    before = len(vault.events)
    assert vault.migrate() == 0, "\n".join(vault.events)
    assert "it couldn't use the new seal when it was to lead" in "\n".join(vault.events[before:])
    restart_with_the_new_seal_alone(vault)


@pytest.mark.parametrize("vault", [("shamir", "transit")], indirect=True)
def test_cluster_that_migrated_before_its_time(vault: MigratingVault) -> None:
    vault.configure_both()
    assert vault.migrate(stop=lambda event: "is unsealed" in event) < 0
    restarted = [status.seal_type for status in vault.statuses()].index("transit")
    change_leader(vault, lambda ordinal: ordinal == restarted)
    # The others can't tell their seal any more, once it is.
    client = VaultClient(vault.servers.servers[restarted].address)
    wait_until("it is migrated", 30, lambda: not client.seal_status().migration)
    # A server from before takes over again; it serves, though it can't tell its seal any more.
    change_leader(vault, lambda ordinal: ordinal != restarted)
    with pytest.raises(OtherSealError):
        vault.statuses()
    assert vault.read() == "still there"
    assert vault.migrate() == 0, "\n".join(vault.events)
    require_migrated(vault)


@pytest.mark.parametrize("vault", [("awskms", "transit")], indirect=True)
def test_going_back_half_way(vault: MigratingVault) -> None:
    vault.configure_both()
    assert vault.migrate(stop=lambda event: "is unsealed" in event) < 0
    restarted = [status.seal_type for status in vault.statuses()].index("transit")
    assert vault.old is not None
    vault.configure([vault.old])
    vault.servers[restarted].stop()
    vault.servers[restarted].start()
    wait_until("it unseals itself", 30, lambda: not vault.statuses()[restarted].sealed)
    assert {(status.seal_type, status.migration) for status in vault.statuses()} == {("awskms", False)}
    assert vault.read() == "still there"
    assert vault.migrate() == 1
    assert "doesn't have what the migration needs of seal awskms and transit" in vault.events[-1]


@pytest.mark.parametrize("raft", [RAFT, None], ids=["raft", "files"])
@pytest.mark.parametrize(("old", "new"), [("shamir", "transit"), ("transit", "shamir")])
def test_one_server(
    vault_program: Path,
    tmp_path: Path,
    seals: Seals,
    monkeypatch: pytest.MonkeyPatch,
    old: str,
    new: str,
    raft: RaftSettings | None,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "commands"), prepend=":")
    with migrating_vault(
        vault_program,
        tmp_path,
        old=seals.stanzas[old],
        new=seals.stanzas[new],
        environment=seals.environment,
        replicas=1,
        raft=raft,
    ) as vault:
        vault.configure_both()
        assert vault.migrate(stop=came_back) < 0
        assert vault.statuses()[0].migration
        assert vault.migrate() == 0, "\n".join(vault.events)
        restart_with_the_new_seal_alone(vault)

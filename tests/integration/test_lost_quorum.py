"""Three real Vault servers of which two lose their volumes, and the command that goes on with the third."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from components.vault.client import VaultClient
from tests.integration.restorable_vault import STACK, RestorableVault, restorable_vault, vault_of_key_service
from tests.integration.vault_servers import wait_until


@pytest.fixture(scope="module")
def vault(vault_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestorableVault]:
    with vault_of_key_service(vault_program, tmp_path_factory.mktemp("quorum")) as restorable:
        yield restorable


def lose_two(vault: RestorableVault) -> None:
    """Pods 1 and 2 lose their volumes at once, and come back blank, which join nothing without a leader."""
    for ordinal in (1, 2):
        vault.servers[ordinal].stop(kill=True)
    # A leader hands out what a blank server joins with until it has noticed that it is alone.
    wait_until("pod 0 doesn't lead any more", 30, lambda: not vault.servers[0].is_active())
    vault.wipe(1, 2)


def test_with_a_leader_there_is_nothing_to_recover(
    vault: RestorableVault, capfd: pytest.CaptureFixture[str]
) -> None:
    code, said = vault.run(capfd, "recover-quorum", "--really", STACK)
    assert code == 0, said
    assert "so there is nothing to recover" in said


def test_majority_that_only_has_to_come_back_is_left_alone(
    vault: RestorableVault, capfd: pytest.CaptureFixture[str]
) -> None:
    vault.servers[1].stop(kill=True)
    vault.servers[2].stop(kill=True)
    try:
        vault.restart_one(0)
        code, said = vault.run(capfd, "recover-quorum", "--really", STACK)
        assert code == 1
        assert "Whether there is data of Vault on every volume can't be seen (vault-1:" in said
    finally:
        vault.servers[1].start()
        vault.servers[2].start()
        vault.await_voters()


def test_one_of_three_is_left(vault: RestorableVault, capfd: pytest.CaptureFixture[str]) -> None:
    wait_until("a leader", 30, lambda: any(server.is_active() for server in vault.servers.servers))
    vault.write("kept")
    lose_two(vault)
    code, said = vault.run(capfd, "recover-quorum")
    assert code == 0
    assert "What is left: vault-0 (raft index " in said
    assert "What gets lost: whatever vault-1, vault-2 had" in said
    assert f"run it again with --really {STACK}" in said
    assert not any(server.is_active() for server in vault.servers.servers)
    with vault.monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("components.raft_recovery.steps.delete_pod", interrupted)
        vault.run(capfd, "recover-quorum", "--really", STACK)
    capfd.readouterr()
    code, said = vault.run(capfd, "recover-quorum", "--really", STACK)
    assert code == 0, said
    assert "vault-0 leads" in said
    assert (vault.has("kept"), vault.voters()) == (True, 3)
    assert not (vault.servers[0].folder / "data" / "raft" / "peers.json").exists()
    vault.restart()
    vault.await_voters()
    assert vault.has("kept")


def test_one_of_three_is_left_with_shamir(
    vault_program: Path,
    tmp_path: Path,
    vault: RestorableVault,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with restorable_vault(vault_program, tmp_path, "shamir", vault.kms, monkeypatch) as shamir:
        shamir.write("kept")
        lose_two(shamir)
        code, said = shamir.run(capfd, "recover-quorum", "--really", STACK)
        assert code == 0, said
        assert (shamir.has("kept"), shamir.voters()) == (True, 3)


def test_nothing_is_left(vault: RestorableVault, capfd: pytest.CaptureFixture[str]) -> None:
    vault.wipe(0, 1, 2)
    code, said = vault.run(capfd, "recover-quorum", "--really", STACK)
    assert code == 1
    assert "there is nothing to go on with: restore a snapshot" in said
    assert not VaultClient(vault.servers[0].address).seal_status().initialized


def interrupted(*_arguments: object, **_options: object) -> None:
    raise KeyboardInterrupt

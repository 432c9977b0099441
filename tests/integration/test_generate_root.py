"""The command for a new root token, on real Vaults behind kubectl."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.__main__ import main
from components.vault.client import VaultClient
from tests.built_tools import on_each_vault
from tests.integration.initialised_vault import SEALS, InitialisedVault, initialised_vault
from tests.integration.key_service import KeyService
from tests.integration.vault_servers import ACCESS
from tests.unit.fakes.commands_on_path import install_command

pytestmark = on_each_vault


@pytest.fixture(params=SEALS)
def vault(
    request: pytest.FixtureRequest,
    vault_program: Path,
    tmp_path: Path,
    kms: KeyService,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[InitialisedVault]:
    """A Vault whose root token is revoked, behind kubectl."""
    with initialised_vault(vault_program, tmp_path, request.param, kms) as initialised:
        monkeypatch.setenv("PATH", str(initialised.servers.commands), prepend=":")
        VaultClient(initialised.address, initialised.answer.root_token).revoke_own_token()
        yield initialised


def select_stack(vault: InitialisedVault, **changed: Any) -> None:
    """Has a script in pulumi's place answer the outputs of the Vault's stack."""
    outputs = {
        "pod_access": ACCESS.to_properties(),
        "deployment": "4b9f/vault/vault",
        "replicas": 1,
        "threshold": 3,
        "custody": {"store": "state"},
        "root_token": "",
        "recovery_shares": list(vault.answer.recovery_shares),
        "key_shares": list(vault.answer.key_shares),
        **changed,
    }
    path = vault.servers.folder / "outputs.json"
    path.write_text(json.dumps(outputs))
    install_command(vault.servers.commands, "pulumi", f"exec cat '{path}'")


def printed_token(capfd: pytest.CaptureFixture[str]) -> str:
    assert main(["generate-root"]) == 0
    said = capfd.readouterr()
    assert said.out.count("\n") == 1
    return said.out.strip()


def test_shares_of_the_stack(vault: InitialisedVault, capfd: pytest.CaptureFixture[str]) -> None:
    select_stack(vault)
    token = printed_token(capfd)
    lookup = vault.servers[0].client(token).auth.token.lookup_self()["data"]
    assert lookup["policies"] == ["root"]
    assert VaultClient(vault.address, vault.answer.root_token).token_valid() is False


def test_shares_of_the_holders(
    vault: InitialisedVault, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    select_stack(vault, recovery_shares=[], key_shares=[])
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(vault.shares[2:])))
    assert VaultClient(vault.address, printed_token(capfd)).token_valid() is True


def test_shares_of_another_vault(vault: InitialisedVault, capfd: pytest.CaptureFixture[str]) -> None:
    wrong = [*vault.shares[:2], vault.shares[2].swapcase()]
    select_stack(vault, recovery_shares=wrong, key_shares=[])
    assert main(["generate-root"]) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert "The shares don't unlock this Vault" in said.err
    assert not [share for share in wrong if share in said.err]

"""The access of the snapshots' job in real Vaults: made, repeated and taken away with the documented rights.

Outside of a pod Vault takes no configuration of the auth method without an authority, so here it has one.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.vault.client import VaultClient
from components.vault.snapshot_access import JobAccess
from tests.built_tools import on_each_vault
from tests.integration.initialised_vault import InitialisedVault, initialised_vault
from tests.integration.key_service import run_key_service
from tests.unit.docs.documents import text

pytestmark = on_each_vault

CONFIGURATION = {"kubernetes_host": "https://10.0.0.1", "disable_local_ca_jwt": True}
ACCESS = JobAccess("kubernetes", "vault-snapshot", "vault-snapshot", "vault")


@pytest.fixture(scope="module")
def vault(vault_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InitialisedVault]:
    """A Vault whose key shares have unsealed it."""
    with (
        run_key_service() as kms,
        initialised_vault(vault_program, tmp_path_factory.mktemp("vault"), "shamir", kms) as made,
    ):
        yield made


@pytest.fixture
def root(vault: InitialisedVault) -> Any:
    """A client with the root token, of Vault's own SDK, whose calls have no types."""
    return vault.servers[0].client(vault.answer.root_token)


@pytest.fixture
def client(vault: InitialisedVault, root: Any) -> VaultClient:
    """A client with a token of the policy in docs/snapshots.md."""
    section = text("docs/snapshots.md").partition("### The token of the setup")[2]
    found = re.search(r"```hcl\n(.*?)```", section, re.DOTALL)
    assert found is not None
    root.sys.create_or_update_policy("setup", found[1])
    token = root.auth.token.create(policies=["setup"])["auth"]["client_token"]
    return VaultClient(vault.address, token)


def test_access_is_made_and_taken_away_with_the_documented_rights(client: VaultClient, root: Any) -> None:
    described = {"type": "kubernetes", "description": "Enabled by vault-autounseal for vault-snapshot"}
    client.request("POST", "sys/auth/kubernetes", described)
    client.request("POST", "auth/kubernetes/config", CONFIGURATION)
    assert ACCESS.set_up(client, ours=False) is True
    assert ACCESS.lacking(client) == ""
    # What Vault answers equals what was written, so that nothing is written again.
    assert ACCESS.set_up(client, ours=False) is True
    role = root.read("auth/kubernetes/role/vault-snapshot")["data"]
    assert (role["token_type"], role["token_policies"]) == ("batch", ["vault-snapshot"])
    root.sys.create_or_update_policy("vault-snapshot", 'path "*" { capabilities = ["read"] }')
    assert ACCESS.lacking(client) == "policy vault-snapshot"
    ACCESS.set_up(client, ours=True)
    assert ACCESS.lacking(client) == ""
    ACCESS.take_away(client, enabled=True)
    assert "kubernetes/" not in root.sys.list_auth_methods()["data"]
    assert root.sys.list_policies()["data"]["policies"].count("vault-snapshot") == 0


def test_method_of_others_stays_with_its_configuration(client: VaultClient, root: Any) -> None:
    root.sys.enable_auth_method("kubernetes", description="for our pods")
    root.write("auth/kubernetes/config", **CONFIGURATION)
    assert ACCESS.set_up(client, ours=False) is False
    assert root.read("auth/kubernetes/config")["data"]["kubernetes_host"] == "https://10.0.0.1"
    ACCESS.take_away(client, enabled=False)
    assert "kubernetes/" in root.sys.list_auth_methods()["data"]
    root.sys.disable_auth_method("kubernetes")


def test_another_path_leaves_the_job_its_policy(vault: InitialisedVault, root: Any) -> None:
    """Role and policy have one name at every path."""
    for path in ("before", "after"):
        root.sys.enable_auth_method("kubernetes", path=path)
        root.write(f"auth/{path}/config", **CONFIGURATION)
    client = VaultClient(vault.address, root.token)
    before = JobAccess("before", "moved-snapshot", "moved-snapshot", "vault")
    after = replace(before, path="after")
    before.set_up(client, ours=False)
    after.set_up(client, ours=False)
    before.take_away(client, enabled=False, kept=after)
    assert after.lacking(client) == ""
    assert before.lacking(client) == "role moved-snapshot of auth/before"

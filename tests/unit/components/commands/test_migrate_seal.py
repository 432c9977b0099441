"""The command that migrates the seal: what it asks for before it begins."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.__main__ import main
from components.commands import migrate_seal
from components.commands.migrate_seal import require_configuration
from components.errors import DeploymentError
from components.seal_migration.steps import MigrationInputs, SealMigration
from components.seals.seal import SealStanza
from components.vault.configuration import render_configuration
from components.vault.running_configuration import CONFIGURATION_KEY
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import DEPLOYMENT, NOWHERE, access
from tests.unit.fakes.kubernetes_objects import KubernetesObjects
from tests.unit.fakes.seal_migrations import SHARES, TOKEN, migration_inputs, provide_pods

TRANSIT = SealStanza("transit", {"address": "https://other:8200"})
AWSKMS = SealStanza("awskms", {"region": "eu-central-1"})


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    """A kubectl that keeps the ConfigMap."""
    return provide_pods(monkeypatch, tmp_path)


def configured(*stanzas: SealStanza) -> Mapping[str, str]:
    return {CONFIGURATION_KEY: render_configuration(ui=False, raft=None, join=[], seals=stanzas)}


@pytest.mark.parametrize(
    ("old", "new", "stanzas"),
    [
        ("shamir", "transit", (TRANSIT,)),
        ("transit", "shamir", (TRANSIT.disabled(),)),
        ("awskms", "transit", (TRANSIT, AWSKMS.disabled())),
    ],
)
def test_configuration_with_both_seals(
    cluster: KubernetesObjects, old: str, new: str, stanzas: tuple[SealStanza, ...]
) -> None:
    cluster.put("configmap", "vault-config", data=configured(*stanzas))
    require_configuration(migration_inputs(leaving=old, seal_type=new))


@pytest.mark.parametrize(
    ("old", "new", "stanzas", "missing"),
    [
        ("shamir", "transit", (), "seal transit. Nothing"),
        ("transit", "shamir", (), "seal transit. Nothing"),
        ("transit", "shamir", (TRANSIT,), "seal transit. Nothing"),
        ("awskms", "transit", (TRANSIT,), "seal awskms. Nothing"),
        ("awskms", "transit", (AWSKMS,), "seal awskms and transit. Nothing"),
        ("awskms", "transit", (TRANSIT.disabled(), AWSKMS.disabled()), "seal transit. Nothing"),
    ],
)
def test_configuration_without_one_of_them(
    cluster: KubernetesObjects, old: str, new: str, stanzas: tuple[SealStanza, ...], missing: str
) -> None:
    cluster.put("configmap", "vault-config", data=configured(*stanzas))
    with pytest.raises(DeploymentError, match=missing):
        require_configuration(migration_inputs(leaving=old, seal_type=new))


def test_no_configuration_at_all() -> None:
    with pytest.raises(DeploymentError, match="ConfigMap vault-config"):
        require_configuration(migration_inputs())


def outputs(**changed: Any) -> Mapping[str, Any]:
    return {
        "pod_access": access(NOWHERE).to_properties(),
        "deployment": DEPLOYMENT,
        "replicas": 3,
        "threshold": 3,
        "custody": {"store": "state"},
        "root_token": TOKEN,
        "recovery_shares": [],
        "key_shares": list(SHARES),
        "seal_type": "transit",
        "migrate_from": "shamir",
        **changed,
    }


def command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stack: Mapping[str, Any], token: str = ""
) -> int:
    """Runs the command with a script in pulumi's place."""
    (tmp_path / "outputs.json").write_text(json.dumps(stack))
    config = f"echo {token}" if token else "exit 255"
    pulumi = f"case $1 in config) {config};; *) exec /bin/cat '{tmp_path}/outputs.json';; esac"
    only_commands(monkeypatch, tmp_path / "commands", pulumi=pulumi)
    return main(["migrate-seal"])


def test_stack_whose_seal_is_not_migrated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, tmp_path, outputs(migrate_from="")) == 1
    assert "set seal and migrateFrom, and run pulumi up" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("shares", "why"),
    [([], "aren't known to this stack"), ([base64.b64encode(bytes(400)).decode()], "are encrypted")],
)
def test_shares_that_the_command_cannot_give(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    shares: list[str],
    why: str,
) -> None:
    assert command(monkeypatch, tmp_path, outputs(key_shares=shares)) == 1
    said = capfd.readouterr().err
    assert why in said
    assert "each of vault-0, vault-1, vault-2" in said
    assert "vault operator unseal -migrate" in said


@pytest.mark.parametrize(
    ("root_token", "token", "taken"),
    [(TOKEN, "hvs.settings", TOKEN), ("", "hvs.settings", "hvs.settings"), ("", "", "")],
)
def test_token_is_that_of_the_stack_or_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, root_token: str, token: str, taken: str
) -> None:
    orders: list[MigrationInputs] = []
    monkeypatch.setattr(migrate_seal, "require_configuration", orders.append)
    monkeypatch.setattr(SealMigration, "run", lambda _: None)
    assert command(monkeypatch, tmp_path, outputs(root_token=root_token), token) == 0
    assert orders[0].token == taken
    assert (orders[0].leaving, orders[0].seal_type) == ("shamir", "transit")
    assert (orders[0].shares, orders[0].threshold) == (SHARES, 3)
    assert not [secret for secret in (*SHARES, TOKEN) if secret in repr(orders[0])]


@pytest.mark.parametrize(
    ("leaving", "seal", "kind"), [("shamir", "transit", "recovery"), ("transit", "shamir", "key")]
)
def test_what_is_left_to_do_is_said_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    leaving: str,
    seal: str,
    kind: str,
) -> None:
    monkeypatch.setattr(migrate_seal, "require_configuration", lambda _: None)
    monkeypatch.setattr(SealMigration, "run", lambda _: None)
    assert command(monkeypatch, tmp_path, outputs(migrate_from=leaving, seal_type=seal)) == 0
    said = capfd.readouterr().err
    assert f"the same shares are {kind} shares from now on" in said
    assert "Remove migrateFrom from the settings and run pulumi up" in said

"""The stack's Vault as the commands for snapshots see it."""

import io
import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from components.commands.snapshot_vault import journal_key, snapshot_vault
from components.errors import DeploymentError
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import DEPLOYMENT, JOURNAL_KEY, access

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"
PLAIN = Namespace(with_token=False)
ASKED = Namespace(with_token=True)


@pytest.fixture(autouse=True)
def pulumi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder whose files a script in pulumi's place answers with."""
    script = f"""case "$*" in
        "config get token") exec /bin/cat '{tmp_path}/token';;
        "stack export --show-secrets") exec /bin/cat '{tmp_path}/state';;
        *) echo "error: no" >&2; exit 1;;
        esac"""
    only_commands(monkeypatch, tmp_path / "commands", pulumi=script)
    return tmp_path


def outputs(**changed: Any) -> dict[str, Any]:
    return {
        "pod_access": access().to_properties(),
        "deployment": DEPLOYMENT,
        "mode": "ha",
        "replicas": 3,
        "threshold": 2,
        "seal_type": "awskms",
        "seal_key": KEY,
        "custody": {"store": "state"},
        "keys_fingerprint": "sha256:0",
        "keys_version": "7",
        "root_token": "hvs.root",
        "recovery_shares": ["c2hhcmU="],
        "key_shares": [],
        **changed,
    }


def test_tokens_of_the_stack(pulumi: Path) -> None:
    (pulumi / "token").write_text("hvs.settings\n")
    vault = snapshot_vault(outputs(), PLAIN)
    assert vault.tokens == ("hvs.root", "hvs.settings")
    assert (vault.seal_key, vault.custody.store) == (KEY, None)
    assert "hvs." not in repr(vault)


def test_token_that_is_given_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(" hvs.given \n"))
    assert snapshot_vault(outputs(), ASKED).tokens == ("hvs.given",)
    with pytest.raises(DeploymentError, match="No token was given"):
        snapshot_vault(outputs(), ASKED)


def test_version_of_the_keys_only_if_it_is_of_these_keys() -> None:
    assert snapshot_vault(outputs(), PLAIN).keys_version == ""
    keys = snapshot_vault(outputs(), PLAIN).keys
    assert keys is not None
    assert snapshot_vault(outputs(keys_fingerprint=keys.fingerprint), PLAIN).keys_version == "7"


@pytest.mark.parametrize("older", [{"key_arn": KEY, "key_id": "1"}, {"key_id": KEY}])
def test_stack_of_an_earlier_version_has_the_key_under_another_name(older: dict[str, str]) -> None:
    given = {name: value for name, value in outputs(**older).items() if name != "seal_key"}
    assert snapshot_vault(given, PLAIN).seal_key == KEY


def test_stack_that_does_not_tell_its_key() -> None:
    with pytest.raises(DeploymentError, match="run pulumi up first"):
        snapshot_vault(outputs(seal_key="", seal_type="transit"), PLAIN)
    assert snapshot_vault(outputs(seal_key="", seal_type="shamir"), PLAIN).seal_key == ""


def test_without_raft_and_in_the_middle_of_a_migration() -> None:
    with pytest.raises(DeploymentError, match="only raft has snapshots"):
        snapshot_vault(outputs(mode="standalone"), PLAIN)
    with pytest.raises(DeploymentError, match="complete the migration first"):
        snapshot_vault(outputs(migrate_from="shamir"), PLAIN)


def test_journal_key_in_the_state(pulumi: Path) -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47", "plaintext": json.dumps(JOURNAL_KEY)}
    kind = "pulumi-python:dynamic/vault:JournalKey"
    for key in (secret, JOURNAL_KEY):
        resources = [{"type": "pulumi:pulumi:Stack"}, {"type": kind, "outputs": {"key": key}}]
        (pulumi / "state").write_text(json.dumps({"deployment": {"resources": resources}}))
        assert journal_key() == JOURNAL_KEY
    nothing: list[dict[str, Any] | None] = [{"resources": []}, {}, None]
    for deployment in nothing:
        (pulumi / "state").write_text(json.dumps({"deployment": deployment}))
        assert journal_key() == ""


def test_what_pulumi_says() -> None:
    with pytest.raises(DeploymentError):
        journal_key()

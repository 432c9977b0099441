"""The command that unseals every pod of the selected stack with its key shares."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from components.__main__ import main
from tests.unit.fakes import scripted_store
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import DEPLOYMENT, TARGET, access
from tests.unit.fakes.scripted_vault import (
    SEAL_STATUS,
    UNSEAL,
    ScriptedVault,
    error,
    seal_status,
)
from tests.unit.fakes.shamir_keys import OTHER_SHARES, in_store, record

SEALED = seal_status("shamir", initialized=True)
UNSEALED = seal_status("shamir", initialized=True, sealed=False, cluster_id="7d")
# As long as Vault makes them.
PLAIN = [base64.b64encode(bytes([number]) * 33).decode() for number in range(5)]


@pytest.fixture
def stack_outputs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file that a script in pulumi's place answers with; its arguments lie beside it."""
    outputs = tmp_path / "outputs.json"
    only_commands(
        monkeypatch,
        tmp_path / "commands",
        pulumi=f"echo \"$*\" > '{tmp_path / 'arguments'}'; exec /bin/cat '{outputs}'",
    )
    return outputs


def outputs(vault: ScriptedVault, **changed: Any) -> str:
    return json.dumps(
        {
            "pod_access": access(vault.address).to_properties(),
            "deployment": DEPLOYMENT,
            "replicas": 1,
            "threshold": 3,
            "custody": {"store": "state"},
            "root_token": "hvs.root",
            "recovery_shares": [],
            "key_shares": PLAIN,
            **changed,
        }
    )


def test_command_unseals_with_the_shares_of_the_stack(vault: ScriptedVault, stack_outputs: Path) -> None:
    stack_outputs.write_text(outputs(vault))
    vault.answers(SEAL_STATUS, SEALED, UNSEALED)
    vault.answers(UNSEAL, UNSEALED)
    assert main(["unseal"]) == 0
    assert vault.unsealed_with() == PLAIN[:3]
    arguments = (stack_outputs.parent / "arguments").read_text().strip()
    assert arguments == "stack output --json --show-secrets"


def test_command_unseals_with_the_shares_of_the_store(
    vault: ScriptedVault, stack_outputs: Path, tmp_path: Path
) -> None:
    scripted_store.Store(str(tmp_path)).write(record(), TARGET)
    stack_outputs.write_text(outputs(vault, key_shares=[], custody=in_store(tmp_path)))
    vault.answers(SEAL_STATUS, SEALED, UNSEALED)
    vault.answers(UNSEAL, UNSEALED)
    assert main(["unseal"]) == 0
    assert vault.unsealed_with() == list(OTHER_SHARES[:2])


def test_command_says_where_there_are_no_shares(
    vault: ScriptedVault, stack_outputs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stack_outputs.write_text(outputs(vault, key_shares=[]))
    assert main(["unseal"]) == 1
    assert "This stack has no key shares" in capfd.readouterr().err


def test_command_tells_what_went_wrong(
    vault: ScriptedVault, stack_outputs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stack_outputs.write_text(outputs(vault))
    vault.answers(SEAL_STATUS, SEALED)
    vault.answers(UNSEAL, error(400, "Unseal failed, invalid key"))
    assert main(["unseal"]) == 1
    said = capfd.readouterr().err
    assert "Unseal failed, invalid key" in said
    assert "Traceback" not in said


def test_command_hands_on_the_error_of_pulumi(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    only_commands(monkeypatch, tmp_path, pulumi="echo 'error: no stack selected' >&2; exit 255")
    assert main(["unseal"]) == 1
    assert capfd.readouterr().err == "error: no stack selected\n"


def test_command_needs_pulumi(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    only_commands(monkeypatch, tmp_path)
    assert main(["unseal"]) == 1
    assert "The command 'pulumi' isn't on PATH" in capfd.readouterr().err

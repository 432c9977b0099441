"""Unsealing with key shares: as a resource, and by the command after a restart."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components import shamir_unseal
from components.custody.key_record import KeyRecord
from components.custody.key_store import store_to_properties
from components.errors import DeploymentError
from components.shamir_unseal import ShamirUnsealProvider, unseal_pods
from components.vault_client import VaultRefusedError
from tests.unit.commands_on_path import only_commands
from tests.unit.components.custody import scripted_store
from tests.unit.components.init_inputs import DEPLOYMENT, NOWHERE, TARGET, access
from tests.unit.components.scripted_vault import (
    SEAL_STATUS,
    SHARES,
    UNSEAL,
    ScriptedVault,
    error,
    seal_status,
)

SEALED = seal_status("shamir", initialized=True)
# As long as Vault makes them.
PLAIN = [base64.b64encode(bytes([number]) * 33).decode() for number in range(5)]
UNSEALED = seal_status("shamir", initialized=True, sealed=False, cluster_id="7d")
NOT_JOINED = seal_status("shamir")


def inputs(address: str = NOWHERE, **changed: Any) -> dict[str, Any]:
    return {
        "access": access(address).to_properties(),
        "deployment": DEPLOYMENT,
        "replicas": 1,
        "key_shares": SHARES,
        "custody": {},
        "threshold": 3,
        "quorum_seconds": 0.5,
        **changed,
    }


def unseal(vault: ScriptedVault, *, replicas: int = 1, seconds: float = 20) -> None:
    unseal_pods(access(vault.address), replicas=replicas, key_shares=SHARES, threshold=3, seconds=seconds)


def test_as_many_shares_as_are_needed_are_given(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, SEALED, UNSEALED)
    vault.answers(UNSEAL, UNSEALED)
    unseal(vault)
    assert [request.body["key"] for request in vault.asked(UNSEAL)] == SHARES[:3]


def test_unsealed_pods_are_left_alone(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, UNSEALED)
    unseal(vault, replicas=3)
    assert len(vault.asked(SEAL_STATUS)) == 3
    assert vault.asked(UNSEAL) == []


def test_pod_that_has_not_joined_is_given_no_shares(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, error(503), NOT_JOINED, NOT_JOINED, SEALED, UNSEALED)
    vault.answers(UNSEAL, UNSEALED)
    unseal(vault)
    assert len(vault.asked(UNSEAL)) == 3


def test_pod_that_never_joins(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, NOT_JOINED)
    with pytest.raises(DeploymentError) as raised:
        unseal(vault, seconds=0.3)
    assert "vault-0 isn't unsealed: not joined yet" in str(raised.value)
    assert "python -m components.shamir_unseal" in str(raised.value)
    assert vault.asked(UNSEAL) == []


def test_shares_of_another_vault_are_told_at_once(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, SEALED)
    vault.answers(UNSEAL, error(400, "'key' must be a valid hex or base64 string"))
    with pytest.raises(VaultRefusedError) as raised:
        unseal(vault)
    assert len(vault.asked(UNSEAL)) == 1
    assert not [share for share in SHARES if share in str(raised.value)]


def test_no_share_is_said(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    vault.answers(SEAL_STATUS, SEALED, UNSEALED)
    vault.answers(UNSEAL, UNSEALED)
    unseal(vault)
    said = "".join(capfd.readouterr())
    assert "vault-0 is unsealed" in said
    assert not [share for share in SHARES if share in said]


def test_create_unseals(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, SEALED, UNSEALED)
    vault.answers(UNSEAL, UNSEALED)
    # The engine sends every number as a float.
    result = ShamirUnsealProvider().create(inputs(vault.address, replicas=1.0, threshold=3.0))
    assert (result.id, result.outs) == ("secrets/vault", inputs(vault.address))
    assert len(vault.asked(UNSEAL)) == 3


def test_update_unseals_what_is_new(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, UNSEALED)
    news = inputs(vault.address, replicas=3)
    assert ShamirUnsealProvider().update("id", inputs(vault.address), news).outs == news
    assert len(vault.asked(SEAL_STATUS)) == 3


OTHER_SHARES = ("b3RoZXItMQ==", "b3RoZXItMg==", "b3RoZXItMw==")


def record() -> KeyRecord:
    return KeyRecord(
        deployment=DEPLOYMENT,
        seal_type="shamir",
        seal_key="",
        threshold=2,
        root_token="hvs.root",
        key_shares=OTHER_SHARES,
    )


def in_store(folder: Path) -> dict[str, Any]:
    return store_to_properties(scripted_store.__name__, scripted_store.Store(str(folder)))


def test_shares_come_from_the_store_of_the_settings(vault: ScriptedVault, tmp_path: Path) -> None:
    scripted_store.Store(str(tmp_path)).write(record(), TARGET)
    vault.answers(SEAL_STATUS, SEALED, UNSEALED)
    vault.answers(UNSEAL, UNSEALED)
    ShamirUnsealProvider().create(
        inputs(vault.address, key_shares=[], threshold=2, custody=in_store(tmp_path))
    )
    assert [request.body["key"] for request in vault.asked(UNSEAL)] == list(OTHER_SHARES[:2])


def test_adopted_vault_is_unsealed_by_whoever_holds_its_shares() -> None:
    adopted = inputs(key_shares=[])
    assert ShamirUnsealProvider().create(adopted).outs == adopted


def test_read_loses_nothing() -> None:
    assert ShamirUnsealProvider().read("id", inputs()).outs == inputs()


@pytest.mark.parametrize(("changed", "changes"), [({}, False), ({"replicas": 3}, True)])
def test_diff_compares_the_inputs_and_never_replaces(changed: Mapping[str, Any], changes: bool) -> None:
    olds = {**inputs(), "__provider": "a reference"}
    result = ShamirUnsealProvider().diff("id", olds, {**inputs(), "__provider": "a reference", **changed})
    assert result.changes is changes
    assert not result.replaces


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
    assert shamir_unseal.main() == 0
    assert [request.body["key"] for request in vault.asked(UNSEAL)] == PLAIN[:3]
    arguments = (stack_outputs.parent / "arguments").read_text().strip()
    assert arguments == "stack output --json --show-secrets"


def test_command_unseals_with_the_shares_of_the_store(
    vault: ScriptedVault, stack_outputs: Path, tmp_path: Path
) -> None:
    scripted_store.Store(str(tmp_path)).write(record(), TARGET)
    stack_outputs.write_text(outputs(vault, key_shares=[], custody=in_store(tmp_path)))
    vault.answers(SEAL_STATUS, SEALED, UNSEALED)
    vault.answers(UNSEAL, UNSEALED)
    assert shamir_unseal.main() == 0
    assert [request.body["key"] for request in vault.asked(UNSEAL)] == list(OTHER_SHARES[:2])


def test_command_says_where_there_are_no_shares(
    vault: ScriptedVault, stack_outputs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stack_outputs.write_text(outputs(vault, key_shares=[]))
    assert shamir_unseal.main() == 1
    assert "This stack has no key shares" in capfd.readouterr().err


def test_command_tells_what_went_wrong(
    vault: ScriptedVault, stack_outputs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stack_outputs.write_text(outputs(vault))
    vault.answers(SEAL_STATUS, SEALED)
    vault.answers(UNSEAL, error(400, "Unseal failed, invalid key"))
    assert shamir_unseal.main() == 1
    said = capfd.readouterr().err
    assert "Unseal failed, invalid key" in said
    assert "Traceback" not in said


def test_command_hands_on_the_error_of_pulumi(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    only_commands(monkeypatch, tmp_path, pulumi="echo 'error: no stack selected' >&2; exit 255")
    assert shamir_unseal.main() == 1
    assert capfd.readouterr().err == "error: no stack selected\n"


def test_command_needs_pulumi(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    only_commands(monkeypatch, tmp_path)
    assert shamir_unseal.main() == 1
    assert "The command 'pulumi' isn't on PATH" in capfd.readouterr().err

"""The keys that only the state has leave it with no replacement."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components import stack_state
from components.custody.key_custody import STATE_LOCATION
from components.errors import DeploymentError
from components.init.keys_in_state import KeysLostError, SecondDeploymentError, refuse_loss_of_keys
from components.init.outputs import OUTPUTS
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.mocked_account import INIT
from tests.unit.fakes.recorded_state import recorded_state, urn

STACK = "organization/vault-autounseal/prod"
URN = urn({"type": INIT})


@pytest.mark.parametrize("outputs", [{"keys_location": STATE_LOCATION}, {"root_token": "earlier version"}])
def test_init_whose_keys_are_in_the_state_is_not_created_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, outputs: Mapping[str, Any]
) -> None:
    recorded_state(monkeypatch, tmp_path, {"type": INIT, "outputs": outputs})
    with pytest.raises(KeysLostError, match=f"Nothing was changed.*pulumi state untaint '{URN}'"):
        refuse_loss_of_keys(URN, STACK)


@pytest.mark.parametrize(
    "recorded",
    [
        [],
        [{"type": INIT, "outputs": dict.fromkeys(OUTPUTS, "")}],
        [{"type": INIT, "outputs": {"keys_location": "AWS Secrets Manager"}}],
        [{"type": "another:type", "outputs": {"keys_location": STATE_LOCATION}}],
    ],
    ids=["first", "placeholder or adopted without keys", "in a store", "another resource"],
)
def test_init_is_created_if_no_keys_are_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, recorded: list[dict[str, Any]]
) -> None:
    recorded_state(monkeypatch, tmp_path, *recorded)
    refuse_loss_of_keys(URN, STACK)


def test_init_of_another_program_is_not_deleted_for_a_second_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever store has its keys: with it the seal's key would go."""
    recorded_state(monkeypatch, tmp_path, {"type": INIT, "outputs": {"keys_location": "a store"}})
    moved = URN.replace(f"::{INIT}", f"::vault-autounseal:index:Vault${INIT}")
    assert moved != URN
    with pytest.raises(SecondDeploymentError, match="Nothing was changed"):
        refuse_loss_of_keys(moved, STACK)


def test_nothing_is_created_if_the_state_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stack_state, "_READ_SECONDS", 0.2)
    only_commands(monkeypatch, tmp_path, pulumi="echo 'no such stack' >&2; exit 255")
    with pytest.raises(DeploymentError, match=f"can't be read: no such stack[\\s\\S]*--stack={STACK} works"):
        refuse_loss_of_keys(URN, STACK)

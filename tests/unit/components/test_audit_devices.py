"""The audit devices as a resource: what a preview says of them, and what it leaves alone."""

from pathlib import Path
from typing import Any

import pytest
from pulumi.dynamic import CreateResult, ReadResult, UpdateResult

from components import audit_devices
from components.audit_devices import AuditDevicesProvider
from components.custody.key_store import store_to_properties
from components.vault import audit_setup
from components.vault.audit_devices import LOG_FILE
from components.vault.audit_setup import AuditResult, AuditSetup
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import DEPLOYMENT, NOWHERE, TARGET, access
from tests.unit.fakes.scripted_vault import ROOT_TOKEN, Answer, ScriptedVault, error
from tests.unit.fakes.vault_keys import STORED

LIST = "GET /v1/sys/audit"
BOTH = ["file", "stdout"]
HERE = {"file": LOG_FILE, "stdout": "stdout"}


def inputs(address: str = NOWHERE, **changed: Any) -> dict[str, Any]:
    return {
        "access": access(address).to_properties(),
        "deployment": DEPLOYMENT,
        "custody": {},
        "replicas": 1,
        "devices": BOTH,
        "token": "",
        "root_token": ROOT_TOKEN,
        "root_token_stays": True,
        "release_revision": 1,
        "running": "1",
        **changed,
    }


def recorded(address: str = NOWHERE, **changed: Any) -> dict[str, Any]:
    return {**inputs(address), "enabled": BOTH, "problem": "", **changed}


def listed(**targets: str) -> Answer:
    devices = {f"{path}/": {"type": "file", "options": {"file_path": to}} for path, to in targets.items()}
    return Answer({"data": devices})


def outputs(result: CreateResult | UpdateResult | ReadResult) -> dict[str, Any]:
    """What the engine would record."""
    assert result.outs is not None
    return dict(result.outs)


def changes(olds: dict[str, Any], news: dict[str, Any]) -> bool:
    difference = AuditDevicesProvider().diff("id", olds, news)
    assert difference.replaces == []
    return bool(difference.changes)


@pytest.fixture
def setups(monkeypatch: pytest.MonkeyPatch) -> list[AuditSetup]:
    """What is asked to be set up, which succeeds."""
    found: list[AuditSetup] = []

    def run(setup: AuditSetup) -> AuditResult:
        found.append(setup)
        return AuditResult(setup.devices, "")

    monkeypatch.setattr(audit_setup.AuditSetup, "run", run)
    return found


def test_creation_and_update_set_up_what_the_settings_have(setups: list[AuditSetup]) -> None:
    created = AuditDevicesProvider().create(inputs(token="hvs.mine"))
    assert created.id == "secrets/vault"
    assert (outputs(created)["enabled"], outputs(created)["problem"]) == (BOTH, "")
    updated = AuditDevicesProvider().update("id", recorded(), inputs(devices=["stdout"]))
    assert outputs(updated)["enabled"] == ["stdout"]
    first, second = setups
    assert (first.devices, first.removed, first.tokens()) == (tuple(BOTH), [], ["hvs.mine", ROOT_TOKEN])
    assert (second.devices, second.removed, second.tokens()) == (("stdout",), ["file"], [ROOT_TOKEN])


def test_token_of_the_store_is_used(tmp_path: Path) -> None:
    store = scripted_store.Store(str(tmp_path))
    store.write(STORED, TARGET)
    custody = store_to_properties(scripted_store.__name__, store)
    tokens = audit_devices._all_tokens(inputs(custody=custody, root_token=""))
    assert tokens == [STORED.plain_root_token]


def test_nothing_has_changed(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    vault.answers(LIST, listed(**HERE))
    assert not changes(recorded(vault.address), inputs(vault.address))
    assert capfd.readouterr().err == ""


def test_other_inputs_are_a_change_without_a_question(vault: ScriptedVault) -> None:
    assert changes(recorded(vault.address), inputs(vault.address, release_revision=2))
    assert vault.requests == []


def test_device_that_is_gone_is_a_change_and_said(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    vault.answers(LIST, listed(stdout="stdout"))
    assert changes(recorded(vault.address), inputs(vault.address))
    said = capfd.readouterr().err
    assert "Vault's audit device file isn't as this stack has enabled it any more; pulumi up" in said


def test_removal_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert changes(recorded(), inputs(devices=["stdout"]))
    assert "audit device file will be disabled, as audit.devices has it no more" in capfd.readouterr().err


@pytest.mark.parametrize(
    "more",
    [{"root_token_stays": False}, {"root_token": ""}, {"custody": {"store": "file"}, "root_token": ""}],
    ids=["revoked", "of nobody", "in a store"],
)
def test_without_a_token_at_hand_vault_is_not_asked(vault: ScriptedVault, more: dict[str, Any]) -> None:
    assert not changes(recorded(vault.address, **more), inputs(vault.address, **more))
    assert vault.requests == []


def test_token_of_the_settings_is_asked_with(vault: ScriptedVault) -> None:
    vault.answers(LIST, listed())
    more = {"token": "hvs.mine", "root_token_stays": False}
    assert changes(recorded(vault.address, **more), inputs(vault.address, **more))
    assert {request.token for request in vault.requests} == {"hvs.mine"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (error(403, "permission denied"), "the token may not read sys/audit"),
        (error(503, "Vault is sealed"), "Vault is sealed"),
    ],
)
def test_vault_that_does_not_tell_is_no_change(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str], answer: Answer, said: str
) -> None:
    vault.answers(LIST, answer)
    assert not changes(recorded(vault.address), inputs(vault.address))
    assert said in capfd.readouterr().err


def test_problem_is_tried_again_once_a_token_may(vault: ScriptedVault) -> None:
    known = {"enabled": [], "problem": "no token"}
    vault.answers(LIST, error(403, "permission denied"))
    assert not changes(recorded(vault.address, **known), inputs(vault.address))
    vault.answers(LIST, listed(**HERE))
    assert changes(recorded(vault.address, **known), inputs(vault.address))


def test_device_that_a_refresh_missed_is_a_change(vault: ScriptedVault) -> None:
    vault.answers(LIST, listed(stdout="stdout"))
    found = outputs(AuditDevicesProvider().read("id", recorded(vault.address)))
    assert (found["enabled"], found["problem"]) == (["stdout"], "")
    assert changes(found, inputs(NOWHERE, access=found["access"]))


@pytest.mark.parametrize("answer", [error(403, "permission denied"), error(503, "Vault is sealed")])
def test_refresh_that_may_not_look_keeps_what_is_known(vault: ScriptedVault, answer: Answer) -> None:
    vault.answers(LIST, answer)
    assert AuditDevicesProvider().read("id", recorded(vault.address)).outs == recorded(vault.address)


def test_end_of_the_stack_leaves_the_devices_and_says_so(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    AuditDevicesProvider().delete("id", recorded(vault.address))
    assert vault.requests == []
    assert "stay enabled, and nobody looks after them any more: file, stdout" in capfd.readouterr().err


def test_release_that_is_not_there_yet_is_awaited(setups: list[AuditSetup]) -> None:
    checked = AuditDevicesProvider().check({}, inputs(release_missing="no StatefulSet")).inputs
    placeholder = outputs(AuditDevicesProvider().create(checked))
    assert placeholder["enabled"] == []
    assert setups == []
    later = inputs(release_missing="")
    assert changes(placeholder, later)
    assert outputs(AuditDevicesProvider().update("id", placeholder, later))["enabled"] == BOTH

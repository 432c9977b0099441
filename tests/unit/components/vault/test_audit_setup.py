"""How audit devices are brought to what the settings have; on real Vaults in tests/integration."""

from collections.abc import Sequence
from typing import Any

import pytest

from components.errors import DeploymentError
from components.vault import audit_setup
from components.vault.audit_devices import LOG_FILE
from components.vault.audit_setup import AuditResult, AuditSetup, with_valid_token
from components.vault.client import VaultClient
from tests.unit.fakes.init_inputs import access
from tests.unit.fakes.scripted_vault import LEADER, Answer, ScriptedVault, error, no_content

LIST = "GET /v1/sys/audit"
FILE, STDOUT = "PUT /v1/sys/audit/file", "PUT /v1/sys/audit/stdout"
FORBIDDEN = error(403, "permission denied")


def listed(**targets: str) -> Answer:
    devices = {f"{path}/": {"type": "file", "options": {"file_path": to}} for path, to in targets.items()}
    return Answer({"data": devices})


@pytest.fixture(autouse=True)
def reached(vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The devices that entries reach, by the test's leave; waits are short."""
    found = ["file", "stdout"]
    monkeypatch.setattr(audit_setup, "_SECONDS", 0.3)
    monkeypatch.setattr(
        audit_setup, "audited", lambda _c, _a, _o, devices: [d for d in devices if d in found]
    )
    monkeypatch.setattr(audit_setup, "with_pod_problems", lambda _access, text, *_: text)
    vault.answers(LEADER, Answer({"ha_enabled": False, "is_self": False}))
    return found


def run(
    vault: ScriptedVault,
    devices: Sequence[str] = ("file", "stdout"),
    removed: Sequence[str] = (),
    tokens: Sequence[str] = ("hvs.root",),
) -> AuditResult:
    return AuditSetup(access(vault.address), 1, devices, removed, lambda: tokens).run()


def changes(vault: ScriptedVault) -> list[str]:
    return [request.call for request in vault.requests if not request.call.startswith("GET ")]


def test_output_is_enabled_before_the_file(vault: ScriptedVault) -> None:
    vault.answers(LIST, listed())
    vault.answers(FILE, no_content())
    vault.answers(STDOUT, no_content())
    assert run(vault) == AuditResult(("file", "stdout"), "")
    assert changes(vault) == [STDOUT, FILE]


def test_what_is_there_is_left(vault: ScriptedVault) -> None:
    vault.answers(LIST, listed(file=LOG_FILE, anything="stdout"))
    assert run(vault).enabled == ("file", "stdout")
    assert changes(vault) == []


def test_first_token_that_may_is_used(vault: ScriptedVault) -> None:
    vault.answers(LIST, FORBIDDEN, listed())
    client = with_valid_token(VaultClient(vault.address), ["hvs.expired", "hvs.root"])
    assert client is not None
    assert [request.token for request in vault.asked(LIST)] == ["hvs.expired", "hvs.root"]
    vault.answers(LIST, FORBIDDEN)
    assert with_valid_token(VaultClient(vault.address), ["hvs.expired"]) is None


def test_file_that_is_refused_leaves_the_output_enabled(vault: ScriptedVault) -> None:
    vault.answers(LIST, listed())
    vault.answers(FILE, error(400, "no space left on device"))
    vault.answers(STDOUT, no_content())
    with pytest.raises(DeploymentError, match="these audit devices: file: no space left on device"):
        run(vault)
    assert changes(vault) == [STDOUT, FILE]


def test_token_that_may_list_and_not_enable(vault: ScriptedVault) -> None:
    vault.answers(LIST, listed())
    vault.answers(STDOUT, FORBIDDEN)
    with pytest.raises(DeploymentError, match="refuses what its audit devices need: permission denied"):
        run(vault)


def test_entry_that_does_not_arrive(vault: ScriptedVault, reached: list[str]) -> None:
    reached.remove("file")
    vault.answers(LIST, listed(file=LOG_FILE, stdout="stdout"))
    with pytest.raises(DeploymentError, match=r"no entry of vault-0 arrives at file, .*df -h /vault/audit"):
        run(vault)


def test_device_is_disabled_once_the_others_are_verified(vault: ScriptedVault, reached: list[str]) -> None:
    vault.answers(LIST, listed(old=LOG_FILE, stdout="stdout"))
    vault.answers("DELETE /v1/sys/audit/old", no_content())
    reached.remove("stdout")
    with pytest.raises(DeploymentError, match="arrives at stdout"):
        run(vault, ["stdout"], ["file"])
    assert changes(vault) == []
    reached.append("stdout")
    assert run(vault, ["stdout"], ["file"]).enabled == ["stdout"]
    assert changes(vault) == ["DELETE /v1/sys/audit/old"]


@pytest.mark.parametrize(
    ("arrives", "removed", "enabled", "problem"),
    [
        (["file", "stdout"], [], ["file", "stdout"], ""),
        (["stdout"], [], ["stdout"], "nothing is audited to file, and there is no valid token"),
        ([], [], [], "nothing is audited to file and stdout, and"),
    ],
)
def test_without_a_token(
    vault: ScriptedVault,
    reached: list[str],
    arrives: list[str],
    removed: list[str],
    enabled: list[str],
    problem: str,
) -> None:
    reached[:] = arrives
    found = run(vault, removed=removed, tokens=[])
    assert list(found.enabled) == enabled
    assert problem in found.problem
    assert bool(found.problem) is bool(problem)


def test_vault_that_is_away_for_a_moment_is_waited_for(
    vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_setup, "_SECONDS", 20)
    vault.answers(LIST, error(503, "Vault is sealed"), listed(file=LOG_FILE, stdout="stdout"))
    assert run(vault).problem == ""


def test_no_token_is_in_what_is_said(vault: ScriptedVault, capfd: pytest.CaptureFixture[Any]) -> None:
    vault.answers(LIST, listed())
    vault.answers(FILE, error(400, "no"))
    vault.answers(STDOUT, no_content())
    with pytest.raises(DeploymentError) as raised:
        run(vault)
    assert "hvs.root" not in str(raised.value) + "".join(capfd.readouterr())

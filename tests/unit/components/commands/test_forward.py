"""The command that runs another one with a tunnel to Vault's active server."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.__main__ import main
from components.commands.forward import _run, _variables
from components.vault.client import VaultClient
from components.vault.server_identity import ServerIdentity
from sandbox.certificates import CertificateAuthority
from sandbox.layout import REPOSITORY
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import DEPLOYMENT, access
from tests.unit.fakes.scripted_vault import (
    FOLLOWS,
    LEADER,
    LEADS,
    Answer,
    ScriptedVault,
    error,
    serve_scripted_vault,
)

SHOW = "env | sort | grep -E '^(VAULT|PULUMI)_' || true"


@pytest.fixture
def stack_outputs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file that a script in pulumi's place answers with; its arguments lie beside it."""
    outputs = tmp_path / "outputs.json"
    answers = f"echo \"$*\" > '{tmp_path / 'arguments'}'; exec /bin/cat '{outputs}'"
    only_commands(monkeypatch, tmp_path / "commands", pulumi=answers)
    return outputs


def outputs(address: str, replicas: int = 1) -> str:
    """What pulumi tells without secrets."""
    hidden = dict.fromkeys(("root_token", "recovery_shares", "key_shares"), "[secret]")
    known = {"deployment": DEPLOYMENT, "replicas": replicas, "threshold": 3, "custody": {"store": "state"}}
    return json.dumps({"pod_access": access(address).to_properties(), **known, **hidden})


def forward(*command: str) -> int | str | None:
    """The exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["forward", "--", *command])
    return ended.value.code


def test_command_gets_the_address_and_no_secret(
    vault: ScriptedVault,
    stack_outputs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    stack_outputs.write_text(outputs(vault.address))
    vault.answers(LEADER, LEADS)
    monkeypatch.setenv("PULUMI_CONFIG", '{"token": "hush"}')
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "of the state")
    monkeypatch.setenv("VAULT_SKIP_VERIFY", "true")
    monkeypatch.setenv("VAULT_ADDR", "https://elsewhere.example.com")
    monkeypatch.setenv("VAULT_TOKEN", "the person's own")
    assert forward("/bin/sh", "-c", f"PATH=/usr/bin:/bin; {SHOW}") == 0
    assert capfd.readouterr().out.splitlines() == [
        "PULUMI_CONFIG_PASSPHRASE=of the state",
        f"VAULT_ADDR={vault.address}",
        "VAULT_TOKEN=the person's own",
    ]
    # Nothing that is secret was asked for.
    assert (stack_outputs.parent / "arguments").read_text() == "stack output --json --non-interactive\n"


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143)])
def test_exit_code_is_the_commands(vault: ScriptedVault, stack_outputs: Path, script: str, code: int) -> None:
    stack_outputs.write_text(outputs(vault.address))
    vault.answers(LEADER, Answer({"ha_enabled": False}))
    assert forward("/bin/sh", "-c", script) == code


@pytest.mark.parametrize(
    ("name", "code", "reason"), [("missing", 127, "No such file"), ("text", 126, "Permission denied")]
)
def test_command_that_cannot_be_run(
    vault: ScriptedVault,
    stack_outputs: Path,
    capfd: pytest.CaptureFixture[str],
    name: str,
    code: int,
    reason: str,
) -> None:
    stack_outputs.write_text(outputs(vault.address))
    vault.answers(LEADER, LEADS)
    stack_outputs.with_name("text").touch(mode=0o644)
    command = str(stack_outputs.with_name(name))
    assert forward(command) == code
    assert f"{command} can't be run: {reason}" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("now", "told"),
    [(error(503, "Vault is sealed"), True), (error(400, "not a Vault"), True), (FOLLOWS, False)],
)
def test_server_that_has_gone_meanwhile_is_told_with_the_failure(
    vault: ScriptedVault, stack_outputs: Path, capfd: pytest.CaptureFixture[str], now: Answer, told: bool
) -> None:
    """One that only leads no more hands requests on to the leader."""
    stack_outputs.write_text(outputs(vault.address))
    vault.answers(LEADER, LEADS, now)
    assert forward("/bin/sh", "-c", "exit 3") == 3
    said = capfd.readouterr().err
    assert ("no longer serves" in said) == told
    assert ("Run the command again" in said) == told


@pytest.fixture
def two_pods() -> Iterator[list[ScriptedVault]]:
    """Pods 0 and 1, at addresses of their own."""
    with serve_scripted_vault() as standby, serve_scripted_vault() as active:
        yield [standby, active]


def test_standby_is_passed_over(
    two_pods: list[ScriptedVault],
    stack_outputs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    standby, active = two_pods
    standby.answers(LEADER, FOLLOWS)
    active.answers(LEADER, LEADS)
    # One template leads to both, as a name in DNS does.
    ports = {f"vault-{number}": pod.address.rpartition(":")[2] for number, pod in enumerate(two_pods)}
    monkeypatch.setattr(
        "components.vault.pod_access.PodAccess.pod", lambda _access, ordinal: ports[f"vault-{ordinal}"]
    )
    stack_outputs.write_text(outputs("http://127.0.0.1:{pod}", replicas=2))
    assert forward("/bin/sh", "-c", "echo $VAULT_ADDR") == 0
    assert capfd.readouterr().out == f"{active.address}\n"


def test_without_an_active_server_nothing_is_run(
    vault: ScriptedVault, stack_outputs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stack_outputs.write_text(outputs(vault.address, replicas=2))
    vault.answers(LEADER, FOLLOWS, error(503, "Vault is sealed"))
    assert main(["forward", "--", "/bin/sh", "-c", "echo ran"]) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert "No pod of Vault is active" in said.err
    assert "vault-0: a standby" in said.err
    assert "vault-1: " in said.err


def test_command_is_needed(stack_outputs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["forward"]) == 1
    assert "Give a command" in capfd.readouterr().err
    assert not (stack_outputs.parent / "arguments").exists()


def test_tls_is_verified_by_the_name_and_authority_of_the_pod(tmp_path: Path) -> None:
    certificates = CertificateAuthority.load_or_create(tmp_path, "ca").certificate.read_text()
    server = VaultClient("https://127.0.0.1:43210", identity=ServerIdentity("vault-active", certificates))
    with _variables(server) as variables:
        authority = Path(variables["VAULT_CACERT"])
        assert authority.read_text() == certificates
        assert authority.stat().st_mode & 0o777 == 0o600
        assert {name: value for name, value in variables.items() if name != "VAULT_CACERT"} == {
            "VAULT_ADDR": "https://127.0.0.1:43210",
            "VAULT_TLS_SERVER_NAME": "vault-active",
        }
    assert not authority.exists()


def test_given_address_keeps_its_own_authority() -> None:
    with _variables(VaultClient("https://vault.example.com", ca_file="/etc/ca.pem")) as variables:
        assert variables == {"VAULT_ADDR": "https://vault.example.com", "VAULT_CACERT": "/etc/ca.pem"}


@pytest.mark.parametrize(
    ("number", "to_group"), [(signal.SIGINT, True), (signal.SIGQUIT, True), (signal.SIGTERM, False)]
)
def test_interrupted_command_comes_to_its_own_end(
    vault: ScriptedVault, stack_outputs: Path, tmp_path: Path, number: signal.Signals, to_group: bool
) -> None:
    """As `pulumi up` does, which takes its time."""
    stack_outputs.write_text(outputs(vault.address))
    vault.answers(LEADER, LEADS)
    begun = tmp_path / "begun"
    script = (
        "trap '/bin/sleep 1; echo ended; exit 5' INT QUIT TERM; "
        f": > '{begun}'; while :; do /bin/sleep 0.1; done"
    )
    command = [sys.executable, "-m", "components", "forward", "--", "/bin/sh", "-c", script]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 30
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        (os.killpg if to_group else os.kill)(process.pid, number)
        said, _ = process.communicate(timeout=30)
    assert (said, process.returncode) == ("ended\n", 5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_from_before_the_command_is_handed_on(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """A terminal can't have reached a command that wasn't there."""
    start = subprocess.Popen

    def interrupted(*arguments: Any, **options: Any) -> "subprocess.Popen[bytes]":
        signal.raise_signal(number)
        return start(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    assert _run(["/bin/sleep", "30"], {}) == 128 + number

"""The command that makes a new root token."""

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from components.__main__ import main
from components.kubernetes.kubectl import KubernetesTarget
from components.vault.pod_access import PodAccess
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.scripted_vault import (
    CANCEL_ROOT,
    ROOT_ATTEMPT,
    START_ROOT,
    UPDATE_ROOT,
    Answer,
    ScriptedVault,
    error,
    no_content,
    root_generation,
    root_generation_done,
    root_generation_started,
)

SHARES = [base64.b64encode(bytes([number]) * 33).decode() for number in range(5)]
TOKEN, PAD = "hvs.token", "Pad0Pad1P"


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, vault: ScriptedVault) -> Path:
    """The outputs that a script in pulumi's place answers; Vault makes a token from three shares."""
    vault.answers(ROOT_ATTEMPT, root_generation())
    vault.answers(START_ROOT, root_generation_started(nonce="own", pad=PAD))
    vault.answers(
        UPDATE_ROOT,
        Answer({"complete": False}),
        Answer({"complete": False}),
        root_generation_done(token=TOKEN, pad=PAD),
    )
    vault.answers(CANCEL_ROOT, no_content())
    path = tmp_path / "outputs.json"
    script = f"""case "$*" in
        "config get token") exec /bin/cat '{tmp_path}/token';;
        *) exec /bin/cat '{path}';;
        esac"""
    only_commands(monkeypatch, tmp_path / "commands", pulumi=script)
    path.write_text(outputs(vault.address))
    return path


def outputs(address: str, **changed: Any) -> str:
    access = PodAccess(
        target=KubernetesTarget(kubeconfig="", context="here", namespace="secrets"),
        statefulset="vault",
        address=address,
    )
    return json.dumps(
        {
            "pod_access": access.to_properties(),
            "deployment": "4b9f/secrets/vault",
            "replicas": 2,
            "threshold": 3,
            "custody": {"store": "state"},
            "root_token": "",
            "recovery_shares": SHARES,
            "key_shares": [],
            **changed,
        }
    )


def given(vault: ScriptedVault) -> list[str]:
    return [request.body["key"] for request in vault.asked(UPDATE_ROOT)]


@pytest.mark.usefixtures("stack")
def test_only_the_token_is_printed(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["generate-root"]) == 0
    said = capfd.readouterr()
    assert said.out == f"{TOKEN}\n"
    assert TOKEN not in said.err
    assert "never expires" in said.err
    assert given(vault) == SHARES[:3]


def test_shares_of_the_holders_from_standard_input(
    vault: ScriptedVault, stack: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    messages = [base64.b64encode(b"message" * 30).decode()] * 5
    stack.write_text(outputs(vault.address, recovery_shares=messages))
    digits = [base64.b64decode(share).hex() for share in SHARES]
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f" {line}\n" for line in digits)))
    assert main(["generate-root"]) == 0
    said = capfd.readouterr()
    assert said.out == f"{TOKEN}\n"
    assert given(vault) == digits[:3]
    assert not [share for share in digits if share in said.err]


def test_shares_are_asked_for_at_a_terminal(
    vault: ScriptedVault, stack: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    asked = []

    def without_echo(prompt: str) -> str:
        asked.append(prompt)
        return SHARES[len(asked)]

    stack.write_text(outputs(vault.address, recovery_shares=[]))
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", without_echo)
    assert main(["generate-root"]) == 0
    said = capfd.readouterr()
    assert said.out == f"{TOKEN}\n"
    assert "The shares are with their holders. 3 of them are needed." in said.err
    assert given(vault) == SHARES[1:4]
    assert asked[0] == "Share 1 of 3 (not shown): "


def test_too_few_shares_start_no_attempt(
    vault: ScriptedVault, stack: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    stack.write_text(outputs(vault.address, recovery_shares=[]))
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{SHARES[0]}\n"))
    assert main(["generate-root"]) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert "1 shares were given, and 3 are needed" in said.err
    assert vault.asked(START_ROOT) == []


@pytest.mark.parametrize("valid", ["hvs.of-the-stack", "hvs.of-the-settings"])
def test_tokens_of_the_stack_are_tried_on_a_vault_that_wants_one(
    vault: ScriptedVault, stack: Path, capfd: pytest.CaptureFixture[str], valid: str
) -> None:
    stack.write_text(outputs(vault.address, root_token="hvs.of-the-stack"))
    (stack.parent / "token").write_text("hvs.of-the-settings\n")
    vault.wants_tokens(valid)
    assert main(["generate-root"]) == 0
    assert capfd.readouterr().out == f"{TOKEN}\n"
    assert {request.token for request in vault.asked(UPDATE_ROOT)} == {valid}


def test_token_from_standard_input_goes_before_the_shares(
    vault: ScriptedVault, stack: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    stack.write_text(outputs(vault.address, recovery_shares=[], root_token="hvs.revoked"))
    lines = ["hvs.mine", *SHARES[:3]]
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    vault.wants_tokens("hvs.mine")
    assert main(["generate-root", "--with-token"]) == 0
    said = capfd.readouterr()
    assert said.out == f"{TOKEN}\n"
    assert given(vault) == SHARES[:3]
    assert {request.token for request in vault.requests} == {"hvs.mine"}
    assert not [line for line in lines if line in said.err]


@pytest.mark.usefixtures("stack")
def test_token_that_is_not_given_is_not_replaced_by_another(
    vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main(["generate-root", "--with-token"]) == 1
    assert "No token was given" in capfd.readouterr().err
    assert vault.requests == []


@pytest.mark.usefixtures("stack")
def test_vault_that_wants_another_token_says_so(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    vault.wants_tokens("hvs.of-nobody-here")
    assert main(["generate-root"]) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert "init.unauthenticatedGenerateRoot" in said.err
    assert "generate-root --with-token" in said.err
    assert vault.asked(START_ROOT) == []


@pytest.mark.usefixtures("stack")
def test_next_pod_is_asked_where_one_is_sealed(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    vault.answers(ROOT_ATTEMPT, error(503, "Vault is sealed"), root_generation())
    assert main(["generate-root"]) == 0
    assert capfd.readouterr().out == f"{TOKEN}\n"


@pytest.mark.usefixtures("stack")
def test_no_pod_can_make_one(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    vault.answers(ROOT_ATTEMPT, error(503, "Vault is sealed"))
    assert main(["generate-root"]) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert "vault-0: Vault is sealed" in said.err
    assert "vault-1: Vault is sealed" in said.err
    # What Kubernetes says of the pods comes last; here nobody can ask it.
    assert said.err.splitlines()[-1].startswith("vault-0: The command 'kubectl' isn't on PATH")


@pytest.mark.usefixtures("stack")
def test_wrong_shares(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    vault.answers(UPDATE_ROOT, error(400, "recovery key does not match submitted values"))
    assert main(["generate-root"]) == 1
    said = capfd.readouterr()
    assert "The shares don't unlock this Vault" in said.err
    assert "Traceback" not in said.err

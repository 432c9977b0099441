"""The command that prints an IAM policy for the selected stack."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from components.__main__ import main
from components.permissions.aws import (
    preview_policy,
    up_policy,
)
from components.permissions.aws_arns import DeploymentScope, deployment_scope
from tests.unit.fakes.commands_on_path import NOTHING_EXPORTED, only_commands
from tests.unit.fakes.stack_settings import EKS, parse

ACCOUNT = "123456789012"
KEY_ID = "11111111-2222-3333-4444-555555555555"
KEY_ARN = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/{KEY_ID}"
STACK: Mapping[str, Any] = {
    **EKS,
    "role": {"name": "unsealer", "path": "/vault/"},
    "tags": {"team": "platform"},
}


def scope(key_id: str | None = None) -> DeploymentScope:
    return deployment_scope(parse(STACK), account_id=ACCOUNT, key_id=key_id)


def pulumi_answers(entries: Mapping[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `pulumi` whose `config --json` gives these entries, in a folder with a project."""
    (folder / "Pulumi.yaml").write_text("name: vault-autounseal\nruntime: python\n")
    (folder / "answer.json").write_text(
        json.dumps({f"vault-autounseal:{key}": entry for key, entry in entries.items()})
    )
    only_commands(
        monkeypatch,
        folder / "bin",
        pulumi=f'case "$1" in config) [ "$*" = "config --json" ] && /bin/cat {folder}/answer.json ;; '
        f"*) {NOTHING_EXPORTED} ;; esac",
    )
    monkeypatch.chdir(folder)


def plain(value: object) -> Mapping[str, Any]:
    if isinstance(value, str):
        return {"value": value, "secret": False}
    return {"value": json.dumps(value), "objectValue": value, "secret": False}


def test_command_prints_the_document_of_the_selected_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pulumi_answers({key: plain(value) for key, value in STACK.items()}, tmp_path, monkeypatch)
    assert main(["aws-policy", "up", "--account-id", ACCOUNT, "--key-id", KEY_ID]) == 0
    printed = capsys.readouterr()
    assert printed.out == up_policy(scope(KEY_ID)) + "\n"
    assert printed.err == ""


def test_command_needs_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = {key: plain(value) for key, value in STACK.items()}
    hidden = {"token": {"secret": True}, "init": plain({"adopt": True})}
    pulumi_answers({**entries, **hidden}, tmp_path, monkeypatch)
    assert main(["aws-policy", "preview", "--account-id", ACCOUNT]) == 0
    assert capsys.readouterr().out == preview_policy(scope()) + "\n"


def test_command_says_what_is_wrong_with_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pulumi_answers(
        {**{key: plain(value) for key, value in EKS.items()}, "rolle": plain("x")}, tmp_path, monkeypatch
    )
    assert main(["aws-policy", "up", "--account-id", ACCOUNT]) == 1
    printed = capsys.readouterr()
    assert "did you mean role?" in printed.err
    assert printed.out == ""


def test_command_says_why_pulumi_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: vault-autounseal\nruntime: python\n")
    script = "echo 'error: no stack selected' >&2; exit 255"
    only_commands(monkeypatch, tmp_path / "bin", pulumi=script)
    monkeypatch.chdir(tmp_path)
    assert main(["aws-policy", "up", "--account-id", ACCOUNT]) == 1
    printed = capsys.readouterr()
    assert "no stack selected" in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["up"],
        ["up", "--account-id", "12345"],
        ["up", "--account-id", ACCOUNT, "--key-id", KEY_ARN],
        ["down", "--account-id", ACCOUNT],
    ],
)
def test_command_refuses_wrong_arguments(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["aws-policy", *arguments])
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""

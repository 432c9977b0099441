"""The commands beside `pulumi up`: which there are, and how they end."""

import argparse
import platform
import re

import pytest

from components.__main__ import main
from components.commands import unseal
from components.errors import DeploymentError


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--help"])
    assert raised.value.code == 0
    indented = re.findall(r"^ {4}(\S+)", capsys.readouterr().out, re.MULTILINE)
    assert indented == [
        "unseal",
        "generate-root",
        "snapshot",
        "restore",
        "recover-quorum",
        "migrate-seal",
        "status",
        "resume",
        "import",
        "forward",
        "aws-policy",
        "google-role",
    ]


def test_command_has_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main([])
    assert raised.value.code == 2
    assert "required: command" in capsys.readouterr().err


def test_command_that_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[argparse.Namespace] = []
    monkeypatch.setattr(unseal, "run", run.append)
    assert main(["unseal"]) == 0
    assert len(run) == 1


def test_error_is_a_message_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_options: argparse.Namespace) -> None:
        raise DeploymentError("Do this first.")

    monkeypatch.setattr(unseal, "run", fail)
    assert main(["unseal"]) == 1
    assert capfd.readouterr().err == "Do this first.\n"


def test_nothing_is_run_on_windows(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run: list[argparse.Namespace] = []
    monkeypatch.setattr(unseal, "run", run.append)
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    assert main(["unseal"]) == 1
    assert "Run it in WSL" in capfd.readouterr().err
    assert run == []

"""Small scripts that take the place of the commands which the program runs."""

from pathlib import Path

import pytest

NOTHING_EXPORTED = 'echo \'{"version": 3, "deployment": {}}\''
"""A script for pulumi that exports the state of a stack with nothing in it."""


def install_command(folder: Path, name: str, script: str) -> Path:
    """Puts a shell script named like the command into ``folder``."""
    command = folder / name
    command.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    command.chmod(0o755)
    return command


def only_commands(monkeypatch: pytest.MonkeyPatch, folder: Path, **scripts: str) -> None:
    """Makes PATH hold the given commands and nothing else; absolute paths still work."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, script in scripts.items():
        install_command(folder, name, script)
    monkeypatch.setenv("PATH", str(folder))

"""What the processes that play the clouds have in common: their command lines, private files and health."""

import argparse
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TypeVar

Settings = TypeVar("Settings")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Past any proxy: the addresses are of this machine."""


def parse_arguments(kind: type[Settings], module: str, arguments: list[str]) -> Settings:
    """Read the command line of ``module``: one required option for each field of the dataclass ``kind``.

    Raises SystemExit for a command line with another option, or without one of them.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    for name, option_type in kind.__annotations__.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=option_type, required=True)
    return kind(**vars(parser.parse_args(arguments)))


def command_line(module: str, settings: object) -> list[str]:
    """Write the command that starts ``module`` with the dataclass ``settings``."""
    options = [
        f"--{name.replace('_', '-')}={getattr(settings, name)}" for name in type(settings).__annotations__
    ]
    return [sys.executable, "-m", module, *options]


def write_private(path: Path, contents: str) -> None:
    """Write a file that only its owner can read (mode 0600), in place of an earlier one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(contents)


def answers(health: str) -> bool:
    """Ask a process at the URL ``health`` if it serves already."""
    try:
        with DIRECT.open(health, timeout=2.0) as answer:
            return bool(answer.status == 204)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False

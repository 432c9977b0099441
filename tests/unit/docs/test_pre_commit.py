"""The pre-commit hooks run installed tools, and their patterns find what they look for."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.docs.documents import text

REPOSITORIES = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]
HOOKS: Mapping[str, Mapping[str, Any]] = {
    hook["id"]: hook for repository in REPOSITORIES for hook in repository["hooks"]
}


def test_nothing_is_downloaded() -> None:
    assert [repository["repo"] for repository in REPOSITORIES] == ["local"]
    assert {hook["language"] for hook in HOOKS.values()} == {"system", "pygrep"}


@pytest.mark.parametrize("name", [name for name, hook in HOOKS.items() if hook["language"] == "system"])
def test_a_tool_is_installed(name: str) -> None:
    folder, _, tool = HOOKS[name]["entry"].split()[0].rpartition("/")
    assert folder == ".venv/bin"
    assert (Path(sys.prefix) / "bin" / tool).is_file()


@pytest.mark.parametrize(
    ("name", "line", "found"),
    [
        ("vault-tokens", "token: hvs." + "CAESIJ" * 6, True),
        ("vault-tokens", "hvs.root", False),
        ("merge-conflict", "<" * 7 + " HEAD", True),
        ("merge-conflict", "=" * 7, True),
        ("merge-conflict", "=" * 9, False),
    ],
)
def test_a_pattern_finds_what_it_looks_for(name: str, line: str, found: bool) -> None:
    assert bool(re.search(HOOKS[name]["entry"], line)) is found

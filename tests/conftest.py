"""What every run of tests goes by, and the real programs that tests run."""

import shutil
from pathlib import Path

import pytest

from sandbox.build.pinned_tools import ToolError
from sandbox.build.tools import find_tools
from sandbox.interrupts import allow_interrupts
from sandbox.layout import Layout

pytest_plugins = (
    "tests.pytest_plugins.deadlines",
    "tests.pytest_plugins.skips",
    "tests.pytest_plugins.repetition",
    "tests.pytest_plugins.durations",
)

allow_interrupts()


@pytest.fixture(scope="session")
def vault_program() -> Path:
    """Vault, from the sandbox's tools or from PATH."""
    try:
        return find_tools(Layout()).vault
    except ToolError as missing:
        on_path = shutil.which("vault")
        if on_path is None:
            pytest.skip(f"vault is neither on PATH nor among the sandbox's tools: {missing}")
        return Path(on_path)

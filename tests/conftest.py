"""What every run of tests goes by, and the real programs that tests run."""

from pathlib import Path

import pytest

from sandbox.interrupts import allow_interrupts
from tests.built_tools import built_tools

pytest_plugins = (
    "tests.pytest_plugins.deadlines",
    "tests.pytest_plugins.skips",
    "tests.pytest_plugins.repetition",
    "tests.pytest_plugins.durations",
)

allow_interrupts()


@pytest.fixture(scope="session")
def vault_program() -> Path:
    """Vault, of the sandbox's version."""
    return built_tools().vault

"""What every run of tests goes by, and the real programs that tests run."""

import sys
from pathlib import Path

import pytest

from sandbox.interrupts import allow_interrupts
from tests.built_tools import VAULT, built_vault

pytest_plugins = (
    "tests.pytest_plugins.deadlines",
    "tests.pytest_plugins.skips",
    "tests.pytest_plugins.repetition",
    "tests.pytest_plugins.durations",
)

allow_interrupts()


@pytest.fixture(autouse=True)
def traceback_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back what a dynamic provider sets for the whole process."""
    monkeypatch.setattr(sys, "tracebacklimit", 1000, raising=False)


@pytest.fixture(scope="session")
def vault_program(request: pytest.FixtureRequest) -> Path:
    """Vault, of the sandbox's version; of each one where tests are marked so."""
    return built_vault(getattr(request, "param", VAULT))

"""The whole program, deployed on Pulumi's mocks."""

from pathlib import Path

import pytest

from tests.unit.fakes.mocked_account import EKS, provide_commands, up
from tests.unit.fakes.recorded_deployment import Deployment


@pytest.fixture
def program_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The commands that the program needs."""
    provide_commands(monkeypatch, tmp_path)


@pytest.fixture(scope="session")
def awskms(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment with every default on EKS, to be read by all tests."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        provide_commands(monkeypatch, tmp_path_factory.mktemp("account"))
        return up(EKS)

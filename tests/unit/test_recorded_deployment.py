"""Thousands of recorded deployments run in one process, which may open a thousand files at a time."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.fakes.mocked_account import EKS, provide_commands, up


@pytest.fixture
def nothing_is_collected() -> Iterator[None]:
    """The collector would close what was left open, some time later."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.usefixtures("nothing_is_collected")
def test_deployment_leaves_no_file_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_commands(monkeypatch, tmp_path)
    up(EKS)
    before = open_files()
    up(EKS)
    with pytest.raises(ZeroDivisionError):
        up(EKS, program=lambda: print(1 // 0))
    assert open_files() == before

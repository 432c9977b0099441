"""The cluster in which the init runs, and an empty store for its keys."""

from pathlib import Path

import pytest

from components.custody import key_custody
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import InitCluster, provide_cluster


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """The cluster that the journal lies in; a store is asked again at once."""
    monkeypatch.setattr(key_custody, "_PAUSE_SECONDS", 0)
    return provide_cluster(monkeypatch, tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> scripted_store.Store:
    """It is empty."""
    (tmp_path / "store").mkdir()
    return scripted_store.Store(str(tmp_path / "store"))

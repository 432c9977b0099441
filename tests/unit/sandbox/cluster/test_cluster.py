from pathlib import Path

import pytest

from sandbox import cluster, processes
from sandbox.cluster import teardown
from sandbox.layout import Layout


@pytest.fixture(autouse=True)
def _no_remains_of_a_deleted_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps `stop_cluster` from clearing this machine's network, whatever is on it."""
    monkeypatch.setattr(teardown, "bridge_exists", lambda: False)


def test_the_service_account_key_is_there_before_the_cluster_and_stays_the_same(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    public_key = cluster.service_account_public_key(layout)
    contents = public_key.read_text()
    assert contents.startswith("-----BEGIN PUBLIC KEY-----")
    assert cluster.service_account_public_key(layout) == public_key
    assert public_key.read_text() == contents


def test_stopping_where_no_cluster_was_ever_started_is_harmless(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    cluster.stop_cluster(layout)
    cluster.service_account_public_key(layout)
    cluster.stop_cluster(layout)
    assert not layout.run.exists()


def test_stopping_leaves_the_records_of_what_still_runs(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    processes.start(layout, "other", ["sleep", "60"])
    try:
        cluster.stop_cluster(layout)
        assert processes.running(layout, "other")
    finally:
        processes.stop(layout, "other")

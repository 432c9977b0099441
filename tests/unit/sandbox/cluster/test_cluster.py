import json
from dataclasses import fields
from pathlib import Path

import pytest

from sandbox import cluster, processes
from sandbox.build.pinned_tools import OLDER_KUBERNETES
from sandbox.build.tools import Tools
from sandbox.cluster import teardown
from sandbox.cluster.paths import ClusterPaths
from sandbox.errors import SandboxError
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


def test_a_cluster_with_another_kubernetes_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path)
    record = ClusterPaths.of(layout).settings
    record.parent.mkdir(parents=True)
    started = {"service_account_issuer": "https://issuer", "host_records": {}, "images": []}
    record.write_text(json.dumps({**started, "kubernetes": OLDER_KUBERNETES}))
    monkeypatch.setattr(cluster, "_serves", lambda *_: True)
    tools = Tools(*([tmp_path] * len(fields(Tools))))

    with pytest.raises(SandboxError, match=r"runs Kubernetes 1\.30\.14, and 1\.34\.4 .* `make down` first"):
        cluster.start_cluster(
            layout, tools, service_account_issuer="https://issuer", images=[], host_records={}
        )

    cluster.start_cluster(
        layout,
        tools,
        service_account_issuer="https://issuer",
        images=[],
        host_records={},
        kubernetes=OLDER_KUBERNETES,
    )
    assert json.loads(record.read_text())["kubernetes"] == OLDER_KUBERNETES

"""The main way on the oldest versions that are tried: Kubernetes 1.30, Vault 1.18.1 with chart 0.29.1.

One stack goes it from its first update to its destruction, so each of these tests needs the one before.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.build.pinned_tools import OLDER_KUBERNETES
from sandbox.build.versions import OLDER_VAULT, VAULT
from sandbox.charts import CHART_VERSION, OLDER_CHART_VERSION
from tests.end_to_end.audited_requests import require_audited
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.lost_volumes import lose_volumes
from tests.end_to_end.older_versions import older_versions
from tests.end_to_end.scheduled_snapshots import SCHEDULE, fetched_from_volume

SNAPSHOTS = {"snapshots": {"schedule": SCHEDULE, "volume": {"size": "1Gi"}}}


@pytest.fixture(scope="module")
def older_settings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, object]:
    """Those of `make up VAULT=1.18.1 KUBERNETES=1.30`, with snapshots to a volume."""
    return {**older_versions(tmp_path_factory.mktemp("chart")), **SNAPSHOTS}


@pytest.fixture(scope="module")
def older(deployment: Deployment, older_settings: Mapping[str, object]) -> Deployment:
    """The stack with these settings."""
    deployment.configure(older_settings)
    deployment.up()
    return deployment


def versions(deployment: Deployment) -> set[str]:
    """The versions that Vault's pods say they run."""
    return {str(status["version"]) for status in deployment.vault.seal_statuses()}


def snapshot_jobs(deployment: Deployment) -> Mapping[str, str]:
    """When each job that took a snapshot ended, by its name; all times are in one format."""
    jobs = deployment.cluster.get("jobs", deployment.in_namespace)["items"]
    return {str(job["metadata"]["name"]): str(job["status"].get("completionTime")) for job in jobs}


def require_unchanged(deployment: Deployment) -> None:
    """Fail if a preview shows a change."""
    preview = deployment.stack.run("preview", "--expect-no-changes")
    assert preview.returncode == 0, preview.stdout + preview.stderr


def test_three_voters_of_the_older_versions(older: Deployment) -> None:
    token = older.outputs()["root_token"]
    older.vault.await_healthy_voters(token)
    assert versions(older) == {OLDER_VAULT}
    [node] = older.cluster.get("nodes")["items"]
    assert node["status"]["nodeInfo"]["kubeletVersion"] == f"v{OLDER_KUBERNETES}"
    charts = {pod["metadata"]["labels"]["helm.sh/chart"] for pod in older.vault.pods()}
    assert charts == {f"vault-{OLDER_CHART_VERSION}"}
    require_audited(older, token)
    require_unchanged(older)


def test_pods_unseal_themselves_after_all_were_deleted(older: Deployment) -> None:
    token = older.outputs()["root_token"]
    older.vault.write("cubbyhole/before", token, {"kept": "yes"})
    older.vault.delete_pods()
    older.vault.await_healthy_voters(token)
    assert older.vault.unsealed() == 3


def test_rolling_change_to_the_newest_versions(older: Deployment) -> None:
    before = {pod["metadata"]["uid"] for pod in older.vault.pods()}
    token, keys = (older.outputs()[name] for name in ("root_token", "keys_fingerprint"))
    older.configure(SNAPSHOTS)
    first = snapshot_jobs(older)
    assert len(first) == 1
    preview = older.stack.run("preview")
    charts = f"chart {OLDER_CHART_VERSION} -> {CHART_VERSION}"
    assert f"(image {OLDER_VAULT} -> {VAULT}, {charts})" in preview.stdout, preview.stdout + preview.stderr
    assert "a snapshot is taken, by a job of CronJob vault-snapshot" in preview.stdout
    older.up()
    older.vault.await_healthy_voters(token)
    assert versions(older) == {VAULT}
    pods = older.vault.pods()
    assert before.isdisjoint(pod["metadata"]["uid"] for pod in pods)
    # One before the first pod was replaced, and one by the job as the newer version has it.
    later = sorted(ended for name, ended in snapshot_jobs(older).items() if name not in first)
    assert len(later) == 2
    created = sorted(str(pod["metadata"]["creationTimestamp"]) for pod in pods)
    assert later[0] <= created[0]
    assert created[-1] <= later[1]
    answer = older.vault.read("cubbyhole/before", token)
    assert answer is not None
    assert answer["data"] == {"kept": "yes"}
    assert older.outputs()["keys_fingerprint"] == keys
    require_unchanged(older)


def test_way_back_with_the_snapshot_from_before(
    older: Deployment, tmp_path: Path, older_settings: Mapping[str, object]
) -> None:
    token = older.outputs()["root_token"]
    older.vault.write("cubbyhole/later", token, {"kept": "no"})
    snapshot = fetched_from_volume(older, tmp_path / "snapshots", OLDER_VAULT)
    older.configure(older_settings)
    refused = older.stack.run("preview")
    assert f"doesn't go back to {OLDER_VAULT}" in refused.stdout + refused.stderr
    lose_volumes(older, range(3))
    result = older.stack.run("up", "--yes", "--skip-preview")
    said = result.stdout + result.stderr
    assert (result.returncode != 0, "All of Vault's data is lost" in said) == (True, True), said
    assert versions(older) == {OLDER_VAULT}
    older.run_command("restore", "--really", older.stack.name, str(snapshot))
    older.up()
    older.vault.await_healthy_voters(token)
    assert versions(older) == {OLDER_VAULT}
    answer = older.vault.read("cubbyhole/before", token)
    assert answer is not None
    assert answer["data"] == {"kept": "yes"}
    assert older.vault.read("cubbyhole/later", token) is None
    require_unchanged(older)


def test_destroy_removes_it(older: Deployment) -> None:
    older.stack.pulumi("destroy", "--yes", "--skip-preview", quiet=True)
    assert not older.has_namespace()

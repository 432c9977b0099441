"""The snapshot before another image: by the schedule's job, and no pod is replaced without it."""

from datetime import UTC, datetime

import pytest

from components.errors import DeploymentError
from components.kubernetes.cron_job import CronJobState
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.snapshots import before_upgrade
from components.snapshots.before_upgrade import take_snapshot_before
from components.snapshots.job_run import SnapshotJobRun

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KUBECTL = Kubectl(KubernetesTarget(kubeconfig="", context="here", namespace="vault"))


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[SnapshotJobRun]:
    """The jobs that are run, of a CronJob that is there."""
    found: list[SnapshotJobRun] = []

    def run(job: SnapshotJobRun) -> datetime:
        found.append(job)
        return NOW

    state = CronJobState("vault-snapshot", NOW, suspended=False, last_success=None)
    monkeypatch.setattr(before_upgrade, "cron_job_state", lambda *_: state)
    monkeypatch.setattr(SnapshotJobRun, "run", run)
    return found


def take(image: str = "hashicorp/vault:1.21.2", *, made: bool = True) -> None:
    take_snapshot_before(KUBECTL, cron_job="vault-snapshot", made=made, image=image, start_seconds=60)


def test_each_image_has_one_job(jobs: list[SnapshotJobRun]) -> None:
    take()
    take()
    take("hashicorp/vault:1.21.4")
    first, again, other = (job.name for job in jobs)
    assert first == again != other
    assert {job.cron_job for job in jobs} == {"vault-snapshot"}


def test_schedule_that_is_set_by_the_same_update_is_not_there_yet(
    jobs: list[SnapshotJobRun], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(before_upgrade, "cron_job_state", lambda *_: None)
    take(made=False)
    assert jobs == []
    assert "as there is no CronJob vault-snapshot" in capfd.readouterr().err


def test_schedule_that_somebody_has_deleted_ends_it(
    jobs: list[SnapshotJobRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(before_upgrade, "cron_job_state", lambda *_: None)
    with pytest.raises(DeploymentError, match="there is no CronJob vault-snapshot any more"):
        take()
    assert jobs == []


def test_api_server_that_is_away_is_asked_again(
    jobs: list[SnapshotJobRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = CronJobState("vault-snapshot", NOW, suspended=False, last_success=None)
    answers: list[CronJobState | KubectlError] = [
        KubectlError("Unable to connect to the server: dial tcp: connection refused"),
        state,
    ]

    def answer(*_: object) -> CronJobState:
        found = answers.pop(0)
        if isinstance(found, KubectlError):
            raise found
        return found

    monkeypatch.setattr(before_upgrade, "cron_job_state", answer)
    take()
    assert len(jobs) == 1


@pytest.mark.usefixtures("jobs")
def test_missing_right_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise KubectlError("Error from server (Forbidden): jobs.batch is forbidden")

    monkeypatch.setattr(SnapshotJobRun, "run", refuse)
    with pytest.raises(DeploymentError, match=r"so no further pod was replaced: .*Forbidden") as raised:
        take()
    assert "upgrade.snapshot to false" in str(raised.value)

"""A snapshot within an update: awaited, tried again, and told with its log if it fails."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from components.errors import DeploymentError
from components.kubernetes.cron_job import JobState
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.snapshots import job_run
from components.snapshots.job_run import SnapshotJobRun

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUNS = JobState("vault-snapshot-1", NOW, None, "")
DONE = replace(RUNS, succeeded=NOW)
FAILED = replace(RUNS, failure="Job has reached its limit")
JOB = SnapshotJobRun(
    kubectl=Kubectl(KubernetesTarget(kubeconfig="", context="here", namespace="vault")),
    cron_job="vault-snapshot",
    name="vault-snapshot-1",
    what="the first snapshot",
    failed="None is kept, so nothing is backed up",
    remedy="Vault itself works.",
    start_seconds=60,
    retry_seconds=60,
    counts_for=timedelta(hours=1),
    now=lambda: NOW,
)


@dataclass
class Cluster:
    """A cluster whose job becomes what the next creation gives."""

    job: JobState | None = None
    creations: list[JobState] = field(default_factory=lambda: [DONE])
    calls: list[str] = field(default_factory=list)
    failed: bool = False
    runs: bool = True
    refusal: str = ""

    def run(self, arguments: list[str]) -> str:
        self.calls.append(" ".join(arguments[:2]))
        if self.refusal:
            raise KubectlError(self.refusal)
        if arguments[0] == "create":
            self.job = self.creations.pop(0) if len(self.creations) > 1 else self.creations[0]
        if arguments[0] == "delete":
            self.job = None
        return ""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster without the job."""
    made = Cluster()
    monkeypatch.setattr(Kubectl, "run", lambda _, arguments: made.run(arguments))
    monkeypatch.setattr(job_run, "job_state", lambda *_: made.job)
    monkeypatch.setattr(job_run, "why_not", lambda *_: "AccessDenied")
    monkeypatch.setattr(job_run, "containers_run", lambda *_: made.runs)
    monkeypatch.setattr(job_run, "containers_failed", lambda *_: made.failed)
    monkeypatch.setattr(job_run, "_PAUSE_SECONDS", 0.001)
    return made


def test_job_is_made_and_awaited(cluster: Cluster) -> None:
    assert JOB.run() == NOW
    assert cluster.calls == ["create job"]


def test_interrupted_run_goes_on_with_its_job(cluster: Cluster) -> None:
    cluster.job = DONE
    assert JOB.run() == NOW
    assert cluster.calls == []


@pytest.mark.parametrize("left", [FAILED, replace(RUNS, succeeded=NOW - timedelta(hours=2))])
def test_failed_or_old_job_does_not_count(cluster: Cluster, left: JobState) -> None:
    cluster.job = left
    assert JOB.run() == NOW
    assert cluster.calls == ["delete job", "create job"]


def test_rights_may_take_a_while(cluster: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    cluster.creations = [FAILED, DONE]
    assert JOB.run() == NOW
    assert cluster.calls == ["create job", "delete job", "create job"]
    assert "has failed, and is tried again: AccessDenied" in capfd.readouterr().err


def refused(job: SnapshotJobRun) -> str:
    with pytest.raises(DeploymentError) as raised:
        job.run()
    return str(raised.value)


def test_failure_is_told_with_its_log_and_the_fix(cluster: Cluster) -> None:
    cluster.creations = [FAILED]
    said = refused(replace(JOB, retry_seconds=0))
    assert "so nothing is backed up: AccessDenied" in said
    assert "docs/snapshots.md#a-job-that-fails" in said
    assert "Vault itself works" in said


def test_attempts_of_kubernetes_are_not_waited_for(cluster: Cluster) -> None:
    cluster.creations, cluster.failed = [RUNS], True
    assert "AccessDenied" in refused(replace(JOB, retry_seconds=0))


def test_job_that_never_starts_is_not_waited_for(cluster: Cluster) -> None:
    cluster.creations, cluster.runs = [RUNS], False
    assert "AccessDenied" in refused(replace(JOB, start_seconds=0))


@pytest.mark.parametrize(
    ("refusal", "job"),
    [
        ("Error from server (Forbidden): jobs.batch is forbidden", None),
        ('Error from server (AlreadyExists): jobs.batch "a" already exists', DONE),
    ],
)
def test_refusal_of_the_api_server(cluster: Cluster, refusal: str, job: JobState | None) -> None:
    cluster.refusal = refusal
    states: list[Callable[[], JobState | None]] = [lambda: None, lambda: None]

    def state(*_: object) -> JobState | None:
        return states.pop()() if states else job

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(job_run, "job_state", state)
        if job is None:
            with pytest.raises(KubectlError, match="Forbidden"):
                JOB.run()
        else:
            assert JOB.run() == NOW


def test_cron_job_that_somebody_has_deleted(cluster: Cluster) -> None:
    cluster.refusal = 'Error from server (NotFound): cronjobs.batch "vault-snapshot" not found'
    said = refused(JOB)
    assert "There is no CronJob vault-snapshot any more" in said
    assert "pulumi up --refresh" in said

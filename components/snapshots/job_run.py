"""Takes a snapshot within an update, as the CronJob does: a backup that was never made isn't one."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from components.errors import DeploymentError, RetryableError
from components.kubernetes.cron_job import JobState, containers_failed, containers_run, job_state, why_not
from components.kubernetes.kubectl import Kubectl, KubectlError
from components.progress import Waiting, say
from components.snapshots.job import LONGEST_SECONDS

_PAUSE_SECONDS = 0.5


class _RunningError(RetryableError):
    """The job hasn't ended yet."""


class _FailedError(RetryableError):
    """The job has failed; the message says why."""


@dataclass(frozen=True)
class SnapshotJobRun:
    """A job from the template of the CronJob."""

    kubectl: Kubectl
    cron_job: str
    name: str
    what: str
    """The snapshot, for messages, such as `the first snapshot`."""
    failed: str
    """What is said if none is kept, before the reason."""
    remedy: str
    """What to do then."""
    start_seconds: float
    """How long nothing of it may run: for a node, volumes and images."""
    retry_seconds: float
    """How long it is tried again if it fails, as rights in the cloud take minutes to spread."""
    counts_for: timedelta
    """Age of a job that an interrupted run has left, up to which its success counts."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self) -> datetime:
        """Return when the snapshot was kept; raise :class:`DeploymentError` with the job's log."""
        Waiting(f"Waiting for job {self.name}", self.start_seconds).until(
            self._forget_earlier, KubectlError, retry_if=_passing
        )
        starting = Waiting("Waiting for the snapshots' job", self.start_seconds)
        retrying = Waiting(f"Waiting for {self.what}", self.retry_seconds)
        return Waiting(f"Waiting for {self.what}", LONGEST_SECONDS).until(
            lambda: self._attempt(starting, retrying),
            (_RunningError, KubectlError),
            retry_if=lambda error: isinstance(error, _RunningError) or _passing(error),
            timeout_message=self._message,
            pause_seconds=_PAUSE_SECONDS,
        )

    def _forget_earlier(self) -> None:
        found = job_state(self.kubectl, self.name)
        if found is not None and found.ended and not self._counts(found):
            self._delete()

    def _attempt(self, starting: Waiting, retrying: Waiting) -> datetime:
        job = job_state(self.kubectl, self.name)
        if job is None:
            self._create()
            raise _RunningError("it was started")
        if job.succeeded is not None:
            ended = f"{job.succeeded:%Y-%m-%d %H:%M:%S} UTC"
            say(f"{self.what[0].upper()}{self.what[1:]} is kept: job {self.name} ended at {ended}")
            return job.succeeded
        if job.failure:
            why = why_not(self.kubectl, job)
            if retrying.over:
                raise DeploymentError(self._message(_FailedError(why)))
            say(f"The snapshots' job has failed, and is tried again: {why}")
            self._delete()
            raise _RunningError(why)
        # Kubernetes tries some more times, at growing distances.
        gives_up = retrying.over and containers_failed(self.kubectl, self.name)
        if gives_up or (starting.over and not containers_run(self.kubectl, self.name)):
            raise DeploymentError(self._message(_FailedError(why_not(self.kubectl, job))))
        raise _RunningError("it runs")

    def _counts(self, job: JobState) -> bool:
        return job.succeeded is not None and self.now() - job.succeeded <= self.counts_for

    def _create(self) -> None:
        try:
            self.kubectl.run(["create", "job", self.name, f"--from=cronjob/{self.cron_job}"])
        except KubectlError as error:
            if error.reason == "NotFound":
                raise DeploymentError(
                    f"There is no CronJob {self.cron_job} any more to take {self.what} by. "
                    "Run pulumi up --refresh, which makes it again."
                ) from None
            # Another run of the stack was first.
            if error.reason != "AlreadyExists":
                raise

    def _delete(self) -> None:
        self.kubectl.run(["delete", "job", self.name, "--ignore-not-found", "--cascade=background"])

    def _message(self, error: DeploymentError) -> str:
        return (
            f"{self.failed}: {error}\n{self.remedy} What the log means: docs/snapshots.md#a-job-that-fails."
        )


def _passing(error: DeploymentError) -> bool:
    return isinstance(error, KubectlError) and error.passing


def job_run_name(cron_job: str, content: str) -> str:
    """Return the job's name, the same for the same content, so that an interrupted run goes on with it."""
    return f"{cron_job}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"

"""Takes a snapshot now as the CronJob does, and waits for it: a backup that was never made isn't one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from components.errors import DeploymentError, RetryableError
from components.kubernetes.cron_job import JobState, containers_failed, containers_run, job_state, why_not
from components.kubernetes.kubectl import Kubectl, KubectlError
from components.progress import Waiting, say
from components.snapshots.job import LONGEST_SECONDS

_STILL_FIRST = timedelta(hours=1)
"""Age of a job that an interrupted run has left, up to which its success counts."""
_PAUSE_SECONDS = 0.5


class _RunningError(RetryableError):
    """The job hasn't ended yet."""


class _FailedError(RetryableError):
    """The job has failed; the message says why."""


@dataclass(frozen=True)
class FirstSnapshotJob:
    """A job from the template of the CronJob."""

    kubectl: Kubectl
    cron_job: str
    name: str
    start_seconds: float
    """How long nothing of it may run: for a node, volumes and images."""
    retry_seconds: float
    """How long it is tried again if it fails, as rights in the cloud take minutes to spread."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self) -> datetime:
        """Return when the snapshot was kept; raise :class:`DeploymentError` with the job's log."""
        found = job_state(self.kubectl, self.name)
        if found is not None and found.ended and not self._counts(found):
            self._delete()
        starting = Waiting("Waiting for the snapshots' job", self.start_seconds)
        retrying = Waiting("Waiting for the first snapshot", self.retry_seconds)
        return Waiting("Waiting for the first snapshot", LONGEST_SECONDS).until(
            lambda: self._attempt(starting, retrying),
            (_RunningError, KubectlError),
            retry_if=lambda error: isinstance(error, _RunningError) or _passing(error),
            timeout_message=self._message,
            pause_seconds=_PAUSE_SECONDS,
        )

    def _attempt(self, starting: Waiting, retrying: Waiting) -> datetime:
        job = job_state(self.kubectl, self.name)
        if job is None:
            self._create()
            raise _RunningError("it was started")
        if job.succeeded is not None:
            say(f"The first snapshot is kept: job {self.name} ended at {job.succeeded:%Y-%m-%d %H:%M:%S} UTC")
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
        return job.succeeded is not None and self.now() - job.succeeded <= _STILL_FIRST

    def _create(self) -> None:
        try:
            self.kubectl.run(["create", "job", self.name, f"--from=cronjob/{self.cron_job}"])
        except KubectlError as error:
            if error.reason == "NotFound":
                raise DeploymentError(
                    f"There is no CronJob {self.cron_job} any more to take the first snapshot by. "
                    "Run pulumi up --refresh, which makes it again."
                ) from None
            # Another run of the stack was first.
            if error.reason != "AlreadyExists":
                raise

    def _delete(self) -> None:
        self.kubectl.run(["delete", "job", self.name, "--ignore-not-found", "--cascade=background"])

    def _message(self, error: DeploymentError) -> str:
        return (
            f"No snapshot could be taken and kept, so nothing is backed up: {error}\n"
            "Vault itself works, and its root token was treated as the settings say. Fix what the log says "
            "(docs/snapshots.md#a-job-that-fails), and run pulumi up again, or remove the setting snapshots."
        )


def _passing(error: DeploymentError) -> bool:
    return isinstance(error, KubectlError) and error.passing

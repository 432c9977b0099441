"""Takes a snapshot before another version of Vault runs: there is no way back to the older one without it."""

from datetime import timedelta

from components.errors import DeploymentError
from components.kubernetes.cron_job import cron_job_state
from components.kubernetes.kubectl import Kubectl, KubectlError
from components.progress import say
from components.snapshots.job_run import SnapshotJobRun, job_run_name

_RETRY_SECONDS = 60.0
"""How long it is tried again: Vault may be electing a leader, but no right is too new to have spread."""
_COUNTS_FOR = timedelta(minutes=10)
"""Short, as what is written between the snapshot and the new version is lost on the way back."""
_FAILED = "No snapshot could be taken and kept, so no pod was replaced"
_REMEDY = (
    "Vault runs as before. Fix what is named here, and run pulumi up again; or set upgrade.snapshot to "
    "false, and there is no way back to this version."
)


def take_snapshot_before(kubectl: Kubectl, *, cron_job: str, image: str, start_seconds: float) -> None:
    """Run a job of the CronJob before Vault gets that image; say so if there is no CronJob yet.

    A run that goes on from an interrupted one takes none again within ten minutes. Raises
    :class:`DeploymentError` with the job's log if none is kept.
    """
    try:
        if cron_job_state(kubectl, cron_job) is None:
            say(f"No snapshot is taken before another image, as there is no CronJob {cron_job}")
            return
        SnapshotJobRun(
            kubectl=kubectl,
            cron_job=cron_job,
            name=job_run_name(cron_job, image),
            what="the snapshot before another image",
            failed=_FAILED,
            remedy=_REMEDY,
            start_seconds=start_seconds,
            retry_seconds=_RETRY_SECONDS,
            counts_for=_COUNTS_FOR,
        ).run()
    except KubectlError as error:
        raise DeploymentError(f"{_FAILED}: {error}\n{_REMEDY}") from None

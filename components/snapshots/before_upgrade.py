"""Takes a snapshot before another version of Vault runs: there is no way back to the older one without it."""

import shlex
from datetime import timedelta

from components.errors import DeploymentError
from components.kubernetes.cron_job import cron_job_state
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.progress import Waiting, say
from components.snapshots.job_run import SnapshotJobRun, job_run_name

_RETRY_SECONDS = 60.0
"""How long it is tried again: Vault may be electing a leader, but no right is too new to have spread."""
_COUNTS_FOR = timedelta(minutes=10)
"""Short, as what is written between the snapshot and the new version is lost on the way back."""
_FAILED = "No snapshot could be taken and kept, so no further pod was replaced"
_REMEDY = (
    "Vault serves as before; but a pod that restarts now gets the new image, so set the image back if this "
    "takes long. Fix what is named here, and run pulumi up again. If a setting of snapshots is the fix, set "
    "the image back for that update, as the job is changed after the pods. Without a snapshot there is no "
    "way back to this version: set upgrade.snapshot to false to go without."
)


def say_before(target: KubernetesTarget, *, cron_job: str, made: bool, by_people: bool) -> None:
    """Say in a preview whether a snapshot will be taken, or how people who replace the pods take one."""
    try:
        there = cron_job_state(Kubectl(target), cron_job) is not None
    except KubectlError as error:
        say(f"Whether CronJob {cron_job} can take a snapshot before another image can't be seen: {error}")
        return
    if by_people and there:
        command = ("create", "job", f"--from=cronjob/{cron_job}", "before-another-image")
        say(
            "Take a snapshot before the first of them: no older version reads what a newer one has written. "
            + shlex.join([*target.command_of_person(), *command])
        )
    elif there:
        say(f"Before the first of them a snapshot is taken, by a job of CronJob {cron_job}")
    elif made:
        say(
            f"Without a snapshot the update will end before the first of them: no CronJob {cron_job} is there"
        )
    else:
        say(f"No snapshot is taken before the first of them, as there is no CronJob {cron_job} yet")


def take_snapshot_before(
    kubectl: Kubectl, *, cron_job: str, made: bool, image: str, start_seconds: float
) -> None:
    """Run a job of the CronJob before Vault gets that image; say so if there is no CronJob yet.

    ``made`` says that the stack has made it, so that one that isn't there was deleted. A run that goes on
    from an interrupted one takes none again within ten minutes. Raises :class:`DeploymentError` with the
    job's log if none is kept.
    """
    try:
        there = Waiting(f"Waiting for CronJob {cron_job}", _RETRY_SECONDS).until(
            lambda: cron_job_state(kubectl, cron_job) is not None,
            KubectlError,
            retry_if=lambda error: error.passing,
        )
        if not there and made:
            raise DeploymentError(
                f"{_FAILED}: there is no CronJob {cron_job} any more. Set the image back and run pulumi up "
                "--refresh, which makes it again; then set the new image. Or set upgrade.snapshot to false."
            )
        if not there:
            say(f"No snapshot is taken before another image, as there is no CronJob {cron_job} yet")
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

"""Says when the last snapshot was taken on the stack's schedule, and what keeps the next one."""

import shlex

from components.errors import DeploymentError
from components.kubernetes.cron_job import cron_job_state, newest_job, resuming_command, why_not
from components.status.facts import Facts, RecordedStack, SeenSnapshots
from components.status.page import Line, Section, State
from components.vault.pod_access import PodAccess

_DOCUMENT = "docs/snapshots.md"


def seen_snapshots(stack: RecordedStack, access: PodAccess) -> SeenSnapshots | None:
    """Return what Kubernetes tells of the job; None if the stack has none."""
    if not stack.snapshot_job:
        return None
    try:
        state = cron_job_state(access.kubectl, stack.snapshot_job)
        if state is None:
            return SeenSnapshots(None)
        job = newest_job(access.kubectl, stack.snapshot_job)
        failed = job is not None and job.failure != ""
        return SeenSnapshots(state, why_not(access.kubectl, job) if job is not None and failed else "")
    except DeploymentError as error:
        return SeenSnapshots(None, unasked=str(error).splitlines()[-1])


def snapshots_section(facts: Facts) -> Section:
    """Say how old the last snapshot is, where it is, and why there is no newer one."""
    title, stack, seen = "Snapshots", facts.stack, facts.snapshots
    if not stack.highly_available:
        return Section(title, [Line("none: file storage has no snapshots; copy its volume", State.NOTE)])
    if not stack.snapshot_job:
        said = f"none on a schedule by this stack ({_DOCUMENT})"
        return Section(title, [Line(said, State.NOTE)])
    if seen is None or seen.unasked:
        why = f": {seen.unasked}" if seen is not None else ""
        return Section(title, [Line(f"when the last one was taken can't be told{why}", State.UNKNOWN)])
    if seen.job is None:
        said = f"there is no CronJob {stack.snapshot_job}"
        return Section(
            title, [Line(said, State.ATTENTION, fix="run pulumi up --refresh, which makes it again")]
        )
    lines = []
    if old := seen.job.stale(facts.now, stack.snapshot_stale_after_hours):
        fix = f"see why its jobs don't succeed ({_DOCUMENT}#a-job-that-fails)"
        command = shlex.join(
            [*stack.access.target.command_of_person(), "describe", "cronjob", stack.snapshot_job]
        )
        lines.append(Line(f"it is too old: {old}", State.ATTENTION, fix=fix, command=command))
    elif seen.job.last_success is not None:
        taken = f"{seen.job.last_success:%Y-%m-%d %H:%M} UTC"
        lines.append(Line(f"the last one was kept at {taken} in {stack.snapshot_location}"))
    else:
        # A CronJob that was deleted and made again knows of none before.
        made = f"{seen.job.created:%Y-%m-%d %H:%M} UTC"
        said = (
            f"none is kept since CronJob {stack.snapshot_job} was made at {made}; one comes on its schedule"
        )
        lines.append(Line(said, State.NOTE))
    if seen.job.suspended:
        said = f"CronJob {stack.snapshot_job} is suspended, so no further one is taken"
        fix = "let it go on, unless somebody wants that"
        command = resuming_command(stack.access.target, stack.snapshot_job)
        if stack.migrate_from:
            fix, command = "it goes on once the seal is migrated", ""
        lines.append(Line(said, State.ATTENTION, fix=fix, command=command))
    elif seen.problem:
        fix = f"{_DOCUMENT}#a-job-that-fails"
        lines.append(Line(f"the newest job has failed: {seen.problem}", State.ATTENTION, fix=fix))
    return Section(title, lines)

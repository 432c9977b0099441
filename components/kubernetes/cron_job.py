"""Observes a CronJob and its jobs: when one last succeeded, and why the newest one didn't."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from components.kubernetes.kubectl import Kubectl, KubernetesTarget

JOB_LABEL = "job-name"
"""Label by which a job's pods are found (kubernetes, `JobNameLabel` of batch/v1, in every version)."""
_LOG_LINES = 10


@dataclass(frozen=True)
class CronJobState:
    """A CronJob as Kubernetes has it."""

    name: str
    created: datetime
    suspended: bool
    last_success: datetime | None
    """When a job of it last succeeded; None if none has since its creation."""

    def stale(self, now: datetime, hours: int) -> str:
        """Return how old the last success is if that is more than so many hours; empty if it isn't."""
        since = self.last_success or self.created
        if now - since <= timedelta(hours=hours):
            return ""
        if self.last_success is None:
            return f"none has succeeded since {_shown(self.created)}"
        return f"the last one that succeeded ended at {_shown(self.last_success)}"


@dataclass(frozen=True)
class JobState:
    """A job as Kubernetes has it."""

    name: str
    created: datetime
    succeeded: datetime | None
    """When it ended well; None if it hasn't."""
    failure: str
    """Why Kubernetes gave it up; empty if it didn't."""

    @property
    def ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.succeeded is not None or self.failure != ""


def cron_job_state(kubectl: Kubectl, name: str) -> CronJobState | None:
    """Return the CronJob of that name; None if there is none. Raises :class:`KubectlError`."""
    found = kubectl.get("cronjob.batch", name)
    if found is None:
        return None
    succeeded = (found.get("status") or {}).get("lastSuccessfulTime")
    return CronJobState(
        name=name,
        created=_time(found["metadata"]["creationTimestamp"]),
        suspended=bool(found["spec"].get("suspend")),
        last_success=_time(succeeded) if succeeded else None,
    )


def resuming_command(target: KubernetesTarget, name: str) -> str:
    """Return the command by which a person lets a suspended CronJob go on."""
    patch = ("patch", "cronjob", name, '--patch={"spec":{"suspend":false}}')
    return shlex.join([*target.command_of_person(), *patch])


def job_state(kubectl: Kubectl, name: str) -> JobState | None:
    """Return the job of that name; None if there is none. Raises :class:`KubectlError`."""
    found = kubectl.get("job.batch", name)
    return _state(found) if found is not None else None


def newest_job(kubectl: Kubectl, cron_job: str) -> JobState | None:
    """Return the newest job that a CronJob has made, or was made from it; None if there is none."""
    items = json.loads(kubectl.run(["get", "jobs.batch", "--output=json"]))["items"]
    jobs = [
        _state(item)
        for item in items
        if any(
            owner["kind"] == "CronJob" and owner["name"] == cron_job
            for owner in item["metadata"].get("ownerReferences") or ()
        )
    ]
    return max(jobs, key=lambda job: job.created, default=None)


def why_not(kubectl: Kubectl, job: JobState) -> str:
    """Return why a job doesn't succeed: Kubernetes' words, and the log of the container that failed.

    Raises :class:`KubectlError`.
    """
    lines = [f"Job {job.name}: {job.failure or 'it has not ended'}"]
    pods = _pods_of(kubectl, job.name)
    if not pods:
        return f"{lines[0]}; it has no pod"
    # An earlier attempt says more than one that is still to begin.
    telling = [pod for pod in pods if _failed_containers(pod)] or pods
    pod = telling[-1]
    name = str(pod["metadata"]["name"])
    lines += _waiting(pod)
    for container in _failed_containers(pod):
        log = kubectl.log_tail(name, lines=_LOG_LINES, container=container)
        lines.append(f"Log of {name}, container {container}:\n{log}")
    return "\n".join(lines)


def containers_run(kubectl: Kubectl, job: str) -> bool:
    """Return whether a container of a job's pods runs or has run, so that nothing keeps it from starting."""
    return any(
        "waiting" not in (status.get("state") or {"waiting": {}})
        for pod in _pods_of(kubectl, job)
        for status in _statuses(pod)
    )


def containers_failed(kubectl: Kubectl, job: str) -> bool:
    """Return whether a container of a job's newest pod has failed, though the job may try again."""
    pods = _pods_of(kubectl, job)
    return bool(pods) and bool(_failed_containers(pods[-1]))


def _pods_of(kubectl: Kubectl, job: str) -> Sequence[Mapping[str, Any]]:
    """Return the pods of a job, from the first attempt to the newest."""
    listed = kubectl.run(["get", "pods", f"--selector={JOB_LABEL}={job}", "--output=json"])
    return sorted(json.loads(listed)["items"], key=lambda pod: str(pod["metadata"]["creationTimestamp"]))


def _state(found: Mapping[str, Any]) -> JobState:
    status = found.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or () if one.get("status") == "True"}
    failed = conditions.get("Failed")
    completed = status.get("completionTime")
    return JobState(
        name=str(found["metadata"]["name"]),
        created=_time(found["metadata"]["creationTimestamp"]),
        succeeded=_time(completed) if "Complete" in conditions and completed else None,
        failure=str(failed.get("message") or failed.get("reason") or "it failed") if failed else "",
    )


def _statuses(pod: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _failed_containers(pod: Mapping[str, Any]) -> Sequence[str]:
    return [
        str(status["name"])
        for status in _statuses(pod)
        if int(((status.get("state") or {}).get("terminated") or {}).get("exitCode") or 0)
    ]


def _waiting(pod: Mapping[str, Any]) -> Sequence[str]:
    """Return what a pod waits for: a node, an image, a volume."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    unscheduled = [
        f"Pod {pod['metadata']['name']} has no node: {one.get('message') or one.get('reason')}"
        for one in conditions
        if one["type"] == "PodScheduled" and one["status"] == "False"
    ]
    waiting = [
        f"Container {status['name']} waits: {state['reason']} {state.get('message') or ''}".rstrip()
        for status in _statuses(pod)
        if (state := (status.get("state") or {}).get("waiting") or {}).get("reason", "PodInitializing")
        != "PodInitializing"
    ]
    return [*unscheduled, *waiting]


def _time(text: Any) -> datetime:
    return datetime.fromisoformat(str(text))


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"

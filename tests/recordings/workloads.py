"""Records what Kubernetes' own controllers say of a StatefulSet and of a CronJob, for kube-state-metrics.

`python -m tests.recordings.workloads`, in three minutes. kube-state-metrics itself isn't published where the
sandbox's tools come from. It computes its metrics from these objects alone, each of ours from one field.
There are no nodes: what a kubelet would say of the pods, this says in its place.
"""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from components.snapshots.job import cron_job, job_name
from tests.integration.control_plane import ControlPlane, run_control_plane
from tests.recordings.recording import TEXTS
from tests.unit.fakes.stack_settings import EKS, parse

NAMESPACE, NAME, REPLICAS = "vault", "vault", 3
WORKLOADS = TEXTS / "workloads-1.34.4.json"
DAILY, EACH_MINUTE = "17 3 * * *", "* * * * *"
_SECONDS = 100

State = Mapping[str, Any]
"""`seconds` since 1970, and the objects as they were: `statefulset` or `cronjob`."""


def load_workloads() -> Mapping[str, State]:
    """Read what was recorded, by state."""
    found: Mapping[str, State] = json.loads(WORKLOADS.read_text(encoding="utf-8"))
    return found


def as_metrics(state: State) -> str:
    """Return the metrics as the documents of kube-state-metrics v2 have them (docs/metrics/workload).

    A time that isn't set has none, and a suspended CronJob has no next time.
    """
    if "statefulset" in state:
        found = state["statefulset"]
        return _text(
            found,
            "statefulset",
            replicas=found["spec"]["replicas"],
            status_replicas_updated=found["status"].get("updatedReplicas", 0),
        )
    found = state["cronjob"]
    status, metadata = found["status"], found["metadata"]
    last, successful = (_seconds_of(status.get(name)) for name in ("lastScheduleTime", "lastSuccessfulTime"))
    begin = last if last is not None else _seconds_of(metadata["creationTimestamp"])
    assert begin is not None
    suspended = found["spec"]["suspend"]
    return _text(
        found,
        "cronjob",
        spec_suspend=int(suspended),
        status_last_schedule_time=last,
        status_last_successful_time=successful,
        next_schedule_time=None if suspended else next_run(begin),
    )


def next_run(seconds: int) -> int:
    """Return when :data:`DAILY` comes next after that time; both in seconds since 1970."""
    day, due = 24 * 3600, (3 * 60 + 17) * 60
    return (seconds - due) // day * day + day + due


def _text(found: Mapping[str, Any], kind: str, **values: int | None) -> str:
    metadata = found["metadata"]
    labels = f'namespace="{metadata["namespace"]}",{kind}="{metadata["name"]}"'
    return "".join(
        f"kube_{kind}_{name}{{{labels}}} {value}\n" for name, value in values.items() if value is not None
    )


def _seconds_of(time_or_none: str | None) -> int | None:
    return None if time_or_none is None else round(datetime.fromisoformat(time_or_none).timestamp())


class Recorder:
    """Takes the states."""

    def __init__(self, plane: ControlPlane) -> None:
        """Take them from a control plane."""
        self.plane = plane
        self.states: dict[str, State] = {}

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the namespace."""
        return self.plane.kubectl(*arguments, f"--namespace={NAMESPACE}", stdin=stdin)

    def get(self, *arguments: str) -> Any:
        """Return an object, or a list of them."""
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def create(self, api_version: str, kind: str, name: str, specification: Mapping[str, Any]) -> None:
        """Create an object."""
        metadata = {"name": name, "namespace": NAMESPACE}
        document = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": specification}
        self.kubectl("create", "--filename=-", stdin=json.dumps(document))

    def take(self, state: str, kind: str, name: str) -> None:
        """Record an object, without what nobody computes a metric from."""
        found = self.get(kind, name)
        spec = {
            key: found["spec"][key] for key in ("replicas", "schedule", "suspend") if key in found["spec"]
        }
        metadata = {
            key: found["metadata"][key] for key in ("name", "namespace", "creationTimestamp", "generation")
        }
        kept = {"metadata": metadata, "spec": spec, "status": found["status"]}
        self.states[state] = {"seconds": round(time.time()), kind: kept}

    def report(self, pod: str, phase: str) -> None:
        """Say of a pod what its kubelet would."""
        ready = {"type": "Ready", "status": "True" if phase == "Running" else "False"}
        patch = json.dumps({"status": {"phase": phase, "conditions": [ready]}})
        self.kubectl("patch", "pod", pod, "--subresource=status", "--type=merge", f"--patch={patch}")


def poll(what: str, condition: Callable[[], bool]) -> None:
    """Look twice a second until the condition holds."""
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {_SECONDS} s: {what}"
        time.sleep(0.5)


def record_pods(recorder: Recorder) -> None:
    """Record a StatefulSet that replaces no pod by itself, as Vault's, while its pods become outdated."""
    labels = {"app": NAME}
    container = {"name": "vault", "image": "vault"}
    specification = {
        "replicas": REPLICAS,
        "serviceName": NAME,
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "OnDelete"},
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    recorder.create("apps/v1", "StatefulSet", NAME, specification)
    pods = [f"{NAME}-{ordinal}" for ordinal in range(REPLICAS)]
    for pod in pods:
        _report_running(recorder, pod)
    _await_updated(recorder, REPLICAS)
    recorder.take("current", "statefulset", NAME)
    template = {"spec": {"template": {"metadata": {"annotations": {"settings": "others"}}}}}
    recorder.kubectl("patch", "statefulset", NAME, "--type=merge", f"--patch={json.dumps(template)}")
    _await_updated(recorder, 0)
    recorder.take("outdated", "statefulset", NAME)
    for replaced, pod in enumerate(pods, 1):
        recorder.kubectl("delete", "pod", pod)
        _report_running(recorder, pod)
        _await_updated(recorder, replaced)
        recorder.take("replaced" if replaced == REPLICAS else f"replaced-{replaced}", "statefulset", NAME)


def _report_running(recorder: Recorder, pod: str) -> None:
    def is_there() -> bool:
        return pod in _pods(recorder)

    poll(f"{pod} is there", is_there)
    recorder.report(pod, "Running")


def _await_updated(recorder: Recorder, pods: int) -> None:
    def holds() -> bool:
        found = recorder.get("statefulset", NAME)
        status = found["status"]
        observed = status.get("observedGeneration") == found["metadata"]["generation"]
        updated, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
        return bool(observed and updated == pods and ready == REPLICAS)

    poll(f"{pods} pods are updated", holds)


def record_snapshots(recorder: Recorder) -> None:
    """Record the CronJob of the schedule: before its first job, and as one runs, succeeds, and fails."""
    settings = parse({**EKS, "snapshots": {"schedule": DAILY, "volume": {"size": "1Gi"}}})
    assert settings.snapshots is not None
    name = job_name(NAME)
    specification = json.loads(json.dumps(cron_job(settings, settings.snapshots, NAME, files_checksum="c")))
    specification["jobTemplate"]["spec"]["backoffLimit"] = 0
    recorder.kubectl("create", "serviceaccount", name)
    recorder.create("batch/v1", "CronJob", name, specification)
    recorder.take("new", "cronjob", name)
    for begun, ended, phase in (("running", "succeeded", "Succeeded"), ("due", "failed", "Failed")):
        before = _pods(recorder)
        _change(recorder, name, {"schedule": EACH_MINUTE})
        pod = _new_pod(recorder, before)
        _change(recorder, name, {"schedule": DAILY})
        recorder.take(begun, "cronjob", name)
        recorder.report(pod, phase)
        poll("the job has ended", lambda: not recorder.get("cronjob", name)["status"].get("active"))
        if phase == "Succeeded":
            poll("it is known", lambda: "lastSuccessfulTime" in recorder.get("cronjob", name)["status"])
        recorder.take(ended, "cronjob", name)
        if phase == "Succeeded":
            _change(recorder, name, {"suspend": True})
            recorder.take("suspended", "cronjob", name)
            _change(recorder, name, {"suspend": False})


def _new_pod(recorder: Recorder, before: set[str]) -> str:
    poll("a job has a pod", lambda: bool(_pods(recorder) - before))
    (pod,) = _pods(recorder) - before
    return pod


def _pods(recorder: Recorder) -> set[str]:
    return {pod["metadata"]["name"] for pod in recorder.get("pods")["items"]}


def _change(recorder: Recorder, name: str, specification: Mapping[str, Any]) -> None:
    patch = json.dumps({"spec": specification})
    recorder.kubectl("patch", "cronjob", name, "--type=merge", f"--patch={patch}")


def main() -> None:
    """Record it."""
    with tempfile.TemporaryDirectory() as folder, run_control_plane(Path(folder)) as plane:
        plane.kubectl("create", "namespace", NAMESPACE)
        recorder = Recorder(plane)
        record_pods(recorder)
        record_snapshots(recorder)
    WORKLOADS.write_text(json.dumps(recorder.states, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

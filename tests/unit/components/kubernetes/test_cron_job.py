"""When a CronJob's job last succeeded, and why the newest one didn't."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from components.kubernetes.cron_job import (
    containers_failed,
    containers_run,
    cron_job_state,
    job_state,
    newest_job,
    why_not,
)
from components.kubernetes.kubectl import Kubectl, KubernetesTarget

KUBECTL = Kubectl(KubernetesTarget(kubeconfig="", context="here", namespace="vault"))
CREATED = datetime(2026, 1, 1, tzinfo=UTC)
NAME = "vault-snapshot"


def job(name: str, day: int, conditions: Sequence[Mapping[str, str]] = (), **status: str) -> dict[str, Any]:
    owner = {"kind": "CronJob", "name": NAME}
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": f"2026-01-{day:02}T00:00:00Z",
            "ownerReferences": [owner],
        },
        "status": {"conditions": list(conditions), **status},
    }


FAILED = {"type": "Failed", "status": "True", "message": "Job has reached the specified backoff limit"}
COMPLETE = {"type": "Complete", "status": "True"}


def pod(
    name: str, *, init: Mapping[str, Any] | None = None, main: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {
            "initContainerStatuses": [{"name": "take", "state": init or {"terminated": {"exitCode": 0}}}],
            "containerStatuses": [
                {"name": "keep", "state": main or {"waiting": {"reason": "PodInitializing"}}}
            ],
        },
    }


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What kubectl answers, by kind."""
    found: dict[str, Any] = {}

    def run(_: Kubectl, arguments: Sequence[str], **_options: Any) -> str:
        verb, kind = arguments[0], arguments[1]
        if verb == "logs":
            return f"the log of {kind}"
        if "--ignore-not-found" in arguments:
            return json.dumps(found[kind]) if kind in found else ""
        return json.dumps({"items": found.get(kind, [])})

    monkeypatch.setattr(Kubectl, "run", run)
    return found


def cron_job(**status: str) -> dict[str, Any]:
    return {"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {}, "status": status}


def test_nothing_is_known_of_what_is_not_there(objects: dict[str, Any]) -> None:
    assert objects == {}
    assert cron_job_state(KUBECTL, NAME) is None
    assert job_state(KUBECTL, "vault-snapshot-1") is None
    assert newest_job(KUBECTL, NAME) is None


def test_age_counts_from_the_last_success(objects: dict[str, Any]) -> None:
    objects["cronjob.batch"] = cron_job(lastSuccessfulTime="2026-01-02T00:00:00Z")
    state = cron_job_state(KUBECTL, NAME)
    assert state is not None
    at = CREATED + timedelta(days=1)
    assert state.stale(at + timedelta(hours=3), 3) == ""
    said = state.stale(at + timedelta(hours=3, seconds=1), 3)
    assert said == "the last one that succeeded ended at 2026-01-02 00:00 UTC"


def test_age_counts_from_the_creation_if_none_succeeded(objects: dict[str, Any]) -> None:
    objects["cronjob.batch"] = cron_job()
    state = cron_job_state(KUBECTL, NAME)
    assert state is not None
    assert (state.last_success, state.suspended) == (None, False)
    assert state.stale(CREATED + timedelta(hours=2), 3) == ""
    assert state.stale(CREATED + timedelta(hours=4), 3) == "none has succeeded since 2026-01-01 00:00 UTC"


def test_newest_job_of_this_cron_job_counts(objects: dict[str, Any]) -> None:
    other = job("other", 9)
    other["metadata"]["ownerReferences"] = [{"kind": "CronJob", "name": "other"}]
    by_hand = job("by-hand", 9)
    del by_hand["metadata"]["ownerReferences"]
    objects["jobs.batch"] = [job("a", 1), job("b", 3, [FAILED]), job("c", 2), other, by_hand]
    newest = newest_job(KUBECTL, NAME)
    assert newest is not None
    assert (newest.name, newest.failure) == ("b", FAILED["message"])


@pytest.mark.parametrize(
    ("found", "succeeded", "failure", "ended"),
    [
        (job("a", 1), None, "", False),
        (job("a", 1, [FAILED]), None, FAILED["message"], True),
        (job("a", 1, [{**FAILED, "status": "False"}]), None, "", False),
        (job("a", 1, [COMPLETE], completionTime="2026-01-01T00:00:00Z"), CREATED, "", True),
    ],
)
def test_what_became_of_a_job(
    objects: dict[str, Any], found: Any, succeeded: datetime | None, failure: str, ended: bool
) -> None:
    objects["job.batch"] = found
    state = job_state(KUBECTL, "a")
    assert state is not None
    assert (state.succeeded, state.failure, state.ended) == (succeeded, failure, ended)


def explained(objects: dict[str, Any], *pods: Mapping[str, Any]) -> str:
    objects["job.batch"], objects["pods"] = job("a", 1, [FAILED]), list(pods)
    state = job_state(KUBECTL, "a")
    assert state is not None
    return why_not(KUBECTL, state)


def test_log_of_the_container_that_failed_is_shown(objects: dict[str, Any]) -> None:
    said = explained(objects, pod("x", init={"terminated": {"exitCode": 1}}))
    assert said.splitlines() == [
        f"Job a: {FAILED['message']}",
        "Log of x, container take:",
        "the log of x",
    ]
    assert "container keep" in explained(objects, pod("x", main={"terminated": {"exitCode": 2}}))


def test_earlier_attempt_says_more_than_the_next_one(objects: dict[str, Any]) -> None:
    waits = {**pod("y"), "metadata": {"name": "y", "creationTimestamp": "2026-01-02T00:00:00Z"}}
    said = explained(objects, pod("x", main={"terminated": {"exitCode": 2}}), waits)
    assert "Log of x" in said


def test_what_keeps_it_from_starting_is_shown(objects: dict[str, Any]) -> None:
    image = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    assert "Container take waits: ImagePullBackOff no such image" in explained(objects, pod("x", init=image))
    unscheduled = pod("x", init={"waiting": {"reason": "PodInitializing"}})
    unscheduled["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
    ]
    assert "Pod x has no node: 0/3 nodes are available" in explained(objects, unscheduled)
    assert explained(objects).endswith("; it has no pod")


def test_whether_containers_run_or_have_failed(objects: dict[str, Any]) -> None:
    objects["pods"] = [pod("x", init={"waiting": {"reason": "PodInitializing"}})]
    assert not containers_run(KUBECTL, "a")
    assert not containers_failed(KUBECTL, "a")
    objects["pods"] = [pod("x", init={"running": {}})]
    assert containers_run(KUBECTL, "a")
    objects["pods"] = [pod("x", main={"terminated": {"exitCode": 1}})]
    assert containers_failed(KUBECTL, "a")
    failed = objects["pods"][0]
    failed["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    again = pod("y", main={"running": {}})
    again["metadata"]["creationTimestamp"] = "2026-01-01T00:00:10Z"
    objects["pods"] = [again, failed]
    assert not containers_failed(KUBECTL, "a")
    objects["pods"] = []
    assert not containers_run(KUBECTL, "a")

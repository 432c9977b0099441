"""What the page says of snapshots on a schedule."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from components.kubernetes.cron_job import CronJobState, JobState
from components.kubernetes.kubectl import KubectlError
from components.status import snapshots
from components.status.facts import Facts, RecordedStack, SeenSnapshots
from components.status.page import Line, State
from components.status.snapshots import seen_snapshots, snapshots_section
from tests.unit.fakes.init_inputs import access
from tests.unit.fakes.observed_vault import NOW, facts, outputs

NAME = "vault-snapshot"
SCHEDULED: Mapping[str, Any] = {
    "snapshot_job": NAME,
    "snapshot_location": "s3://acme/prod/",
    "snapshot_stale_after_hours": 3,
}
JOB = CronJobState(NAME, NOW - timedelta(days=9), False, NOW - timedelta(hours=1))


def lines(seen: SeenSnapshots | None, **stack: Any) -> list[Line]:
    found: Facts = replace(facts(stack={**SCHEDULED, **stack}), snapshots=seen)
    return list(snapshots_section(found).lines)


def test_last_snapshot_is_told_with_its_place() -> None:
    (line,) = lines(SeenSnapshots(JOB))
    assert line.state is State.FINE
    assert line.says == "the last one was kept at 2027-03-01 11:00 UTC in s3://acme/prod/"


def test_old_one_needs_attention() -> None:
    (line,) = lines(SeenSnapshots(replace(JOB, last_success=NOW - timedelta(hours=4))))
    assert line.state is State.ATTENTION
    assert "the last one that succeeded ended at 2027-03-01 08:00 UTC" in line.says
    assert line.command.endswith(f"describe cronjob {NAME}")


@pytest.mark.parametrize(
    ("seen", "state", "says"),
    [
        (SeenSnapshots(None), State.ATTENTION, f"there is no CronJob {NAME}"),
        (SeenSnapshots(None, unasked="no route"), State.UNKNOWN, "can't be told: no route"),
        (None, State.UNKNOWN, "can't be told"),
        (
            SeenSnapshots(replace(JOB, created=NOW, last_success=None)),
            State.NOTE,
            f"none is kept since CronJob {NAME} was made at 2027-03-01 12:00 UTC",
        ),
    ],
)
def test_what_is_not_there_or_not_known(seen: SeenSnapshots | None, state: State, says: str) -> None:
    (line,) = lines(seen)
    assert line.state is state
    assert says in line.says


def test_suspended_job_needs_attention() -> None:
    fine, line = lines(SeenSnapshots(replace(JOB, suspended=True)))
    assert (fine.state, line.state) == (State.FINE, State.ATTENTION)
    assert "is suspended" in line.says
    assert line.command.endswith('patch cronjob vault-snapshot \'--patch={"spec":{"suspend":false}}\'')
    assert lines(SeenSnapshots(replace(JOB, suspended=True)), migrate_from="shamir")[1].fix == (
        "it goes on once the seal is migrated"
    )


def test_newest_job_that_failed_is_told_before_the_last_one_is_old() -> None:
    _, line = lines(SeenSnapshots(JOB, "Job a: AccessDenied"))
    assert line.state is State.ATTENTION
    assert "AccessDenied" in line.says


def test_stack_without_a_schedule() -> None:
    (line,) = lines(None, snapshot_job="")
    assert (line.state, line.says) == (
        State.NOTE,
        "none on a schedule by this stack (docs/snapshots.md)",
    )
    (line,) = lines(None, mode="standalone")
    assert "file storage has no snapshots" in line.says


def seen(monkeypatch: pytest.MonkeyPatch, job: CronJobState | None, newest: JobState | None) -> Any:
    monkeypatch.setattr(snapshots, "cron_job_state", lambda *_: job)
    monkeypatch.setattr(snapshots, "newest_job", lambda *_: newest)
    monkeypatch.setattr(snapshots, "why_not", lambda *_: "AccessDenied")
    return seen_snapshots(RecordedStack.from_outputs(outputs(**SCHEDULED)), access())


def test_kubernetes_is_asked_for_the_job_and_the_newest_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    at: datetime = NOW
    assert seen(monkeypatch, None, None) == SeenSnapshots(None)
    assert seen(monkeypatch, JOB, JobState("a", at, at, "")) == SeenSnapshots(JOB)
    assert seen(monkeypatch, JOB, JobState("a", at, None, "")) == SeenSnapshots(JOB)
    assert seen(monkeypatch, JOB, JobState("a", at, None, "limit")) == SeenSnapshots(JOB, "AccessDenied")
    assert seen_snapshots(RecordedStack.from_outputs(outputs()), access()) is None


def test_kubernetes_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise KubectlError("first line\nno route")

    monkeypatch.setattr(snapshots, "cron_job_state", refuse)
    stack = RecordedStack.from_outputs(outputs(**SCHEDULED))
    assert seen_snapshots(stack, access()) == SeenSnapshots(None, unasked="no route")

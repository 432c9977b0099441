"""The first snapshot as a resource: when it is taken, and when not again."""

from datetime import UTC, datetime
from typing import Any

import pytest

from components.first_snapshot import FirstSnapshotProvider
from components.snapshots.job_run import SnapshotJobRun
from tests.unit.fakes.init_inputs import access

TAKEN = datetime(2026, 1, 1, tzinfo=UTC)


def inputs(**changed: Any) -> dict[str, Any]:
    return {
        "access": access().to_properties(),
        "cron_job": "vault-snapshot",
        "job": "checksum",
        "start_seconds": 300,
        "retry_seconds": 120,
        **changed,
    }


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[SnapshotJobRun]:
    """The jobs that are run, which succeed."""
    found: list[SnapshotJobRun] = []

    def run(job: SnapshotJobRun) -> datetime:
        found.append(job)
        return TAKEN

    monkeypatch.setattr(SnapshotJobRun, "run", run)
    return found


def test_creation_and_update_take_one(jobs: list[SnapshotJobRun]) -> None:
    created = FirstSnapshotProvider().create(inputs())
    assert created.outs is not None
    assert created.outs["taken"] == "2026-01-01T00:00:00+00:00"
    updated = FirstSnapshotProvider().update("id", dict(created.outs), inputs(job="other"))
    assert updated.outs is not None
    first, second = jobs
    assert (first.cron_job, first.start_seconds, first.retry_seconds) == ("vault-snapshot", 300, 120)
    assert first.name != second.name
    # A job's name has at most 63 characters, and a CronJob's 52.
    assert len(first.name.removeprefix("vault-snapshot")) == 11
    FirstSnapshotProvider().create(inputs())
    assert jobs[-1].name == first.name


@pytest.mark.parametrize(
    ("changed", "taken"), [({}, False), ({"job": "other"}, True), ({"retry_seconds": 10}, False)]
)
def test_only_another_job_takes_another(changed: dict[str, Any], taken: bool) -> None:
    olds = {**inputs(), "taken": "2026-01-01T00:00:00+00:00"}
    difference = FirstSnapshotProvider().diff("id", olds, inputs(**changed))
    assert (difference.changes, difference.replaces) == (taken, [])


def test_nothing_is_taken_before_the_release_of_others(jobs: list[SnapshotJobRun]) -> None:
    missing = inputs(release_missing="no StatefulSet")
    checked = FirstSnapshotProvider().check({}, missing)
    created = FirstSnapshotProvider().create(dict(checked.inputs))
    assert jobs == []
    assert created.outs is not None
    assert created.outs["taken"] == ""

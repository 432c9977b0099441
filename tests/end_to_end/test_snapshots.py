"""Snapshots on a schedule, and the drill: volumes are lost, and the documented commands get Vault back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.lost_volumes import KEPT, lose_volumes, require_drill_passed
from tests.end_to_end.scheduled_snapshots import (
    SCHEDULE,
    client_of_job,
    fetched,
    make_stale,
    objects_of,
    refusals,
    take_now,
)

BUCKET, PREFIX, JOB = "vault-snapshots-of-the-drill", "drill/", "vault-snapshot"
SNAPSHOTS = {"schedule": SCHEDULE, "bucket": BUCKET, "createBucket": True, "prefix": PREFIX}


@pytest.fixture(scope="module")
def scheduled(deployment: Deployment) -> Iterator[Deployment]:
    """The stack as ``make up`` deploys it, with snapshots on a schedule meanwhile."""
    deployment.ensure({})
    deployment.configure({"snapshots": SNAPSHOTS})
    deployment.up()
    yield deployment
    deployment.configure({})
    deployment.up()


def test_first_snapshot_is_in_the_bucket_with_its_record(scheduled: Deployment, tmp_path: Path) -> None:
    s3, outputs = scheduled.aws("s3"), scheduled.outputs()
    snapshot, record = sorted(objects_of(s3, BUCKET))
    assert record == f"{snapshot}.json"
    assert snapshot.startswith(PREFIX)
    assert outputs["snapshot_location"] == f"s3://{BUCKET}/{PREFIX}"
    found = json.loads(Path(f"{fetched(s3, BUCKET, tmp_path)}.json").read_text())
    assert found["cluster_id"] == outputs["cluster_id"]
    assert found["seal_key"] == outputs["key_arn"]
    assert found["keys_fingerprint"] == outputs["keys_fingerprint"]


def test_jobs_identity_only_writes(scheduled: Deployment) -> None:
    (key, _) = sorted(objects_of(scheduled.aws("s3"), BUCKET))
    client = client_of_job(scheduled, JOB, scheduled.outputs()["snapshot_role_arn"])
    assert set(refusals(client, BUCKET, key).values()) == {"AccessDenied"}


def test_status_tells_the_last_snapshot(scheduled: Deployment) -> None:
    said = scheduled.run_command("status").stdout
    assert "the last one was kept at" in said
    assert f"s3://{BUCKET}/{PREFIX}" in said


def test_all_volumes_lost(scheduled: Deployment, tmp_path: Path) -> None:
    def taken(folder: Path) -> Path:
        take_now(scheduled, JOB)
        return fetched(scheduled.aws("s3"), BUCKET, folder)

    require_drill_passed(scheduled, tmp_path, taken)


def test_stale_snapshot_is_told(scheduled: Deployment) -> None:
    make_stale(scheduled, JOB)
    preview = scheduled.stack.run("preview")
    assert "the last one that succeeded ended at 2020-01-01 00:00 UTC" in preview.stdout + preview.stderr
    assert f"CronJob {JOB} is suspended" in preview.stdout + preview.stderr


def test_bucket_that_is_not_there(scheduled: Deployment) -> None:
    missing = {"schedule": SCHEDULE, "bucket": "vault-nowhere", "prefix": PREFIX}
    scheduled.configure({"snapshots": missing, "deadlines": {"preflightSeconds": 10}})
    result = scheduled.stack.run("up", "--yes", "--skip-preview")
    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert "No snapshot could be taken and kept, so nothing is backed up" in said, said
    assert "NoSuchBucket" in said or "AccessDenied" in said
    assert scheduled.vault.unsealed() == 3
    # What the commands need of the stack outlives the failure.
    assert scheduled.outputs()["snapshot_job"] == JOB


def test_two_of_three_volumes_lost(awskms: Deployment) -> None:
    vault, token = awskms.vault, awskms.outputs()["root_token"]
    vault.await_healthy_voters(token)
    vault.write("cubbyhole/quorum", token, KEPT)
    lose_volumes(awskms, [0, 2])
    said = awskms.run_command("recover-quorum", "--really", awskms.stack.name).stderr
    assert "vault-1 leads" in said
    vault.await_healthy_voters(token)
    answer = vault.read("cubbyhole/quorum", token)
    assert answer is not None
    assert answer["data"] == KEPT

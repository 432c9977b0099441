"""The bucket for snapshots, as the engine is asked for it."""

import pulumi
import pytest

from components.google.project import google_provider
from components.google.snapshot_bucket import SnapshotBucketArgs, create_snapshot_bucket, region_of
from tests.unit.fakes.mocked_google import PROJECT
from tests.unit.fakes.recorded_deployment import Registration, deploy

KEY = f"projects/{PROJECT}/locations/europe-west3/keyRings/backups/cryptoKeys/bucket"


def created(key: str = "", prefix: str = "prod/") -> Registration:
    def program() -> None:
        args = SnapshotBucketArgs(
            name="acme",
            project=PROJECT,
            location="europe-west3",
            prefix=prefix,
            keep_days=90,
            key=key,
            labels={"app": "vault"},
            prerequisites=(),
        )
        options = pulumi.ResourceOptions(provider=google_provider(PROJECT))
        create_snapshot_bucket("snapshot-bucket", args, options)

    deployment = deploy({}, answers={}, outputs=lambda _: {}, program=program)
    return deployment.only("gcp:storage/bucket:Bucket")


def test_bucket_is_private_and_outlives_the_stack() -> None:
    bucket = created()
    assert bucket.retain_on_delete
    assert bucket.inputs["uniformBucketLevelAccess"] is True
    assert bucket.inputs["publicAccessPrevention"] == "enforced"
    assert bucket.inputs["versioning"] == {"enabled": True}
    assert bucket.inputs["location"] == "EUROPE-WEST3"
    assert "encryption" not in bucket.inputs


def test_old_snapshots_go_and_deleted_ones_stay_for_a_while() -> None:
    conditions = [rule["condition"] for rule in created().inputs["lifecycleRules"]]
    assert conditions == [
        {"age": 90, "matchesPrefixes": ["prod/"], "withState": "LIVE"},
        {"daysSinceNoncurrentTime": 30},
    ]
    assert "matchesPrefixes" not in created(prefix="").inputs["lifecycleRules"][0]["condition"]


def test_key_encrypts_by_default() -> None:
    assert created(KEY).inputs["encryption"] == {"defaultKmsKeyName": KEY}


@pytest.mark.parametrize("location", ["europe-west3", "europe-west3-a"])
def test_region_of_a_zone(location: str) -> None:
    assert region_of(location) == "europe-west3"

"""When snapshots are taken, and where they are kept."""

from typing import Any

import pytest

from components.settings.snapshots import UPLOAD_IMAGE, BucketSettings, SnapshotSettings, VolumeSettings
from tests.unit.fakes.stack_settings import EKS, GKE, SHAMIR, parse, problems

HOURLY = {"schedule": "17 * * * *", "bucket": "acme-vault"}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
REPLICATED = "arn:aws:kms:eu-central-1:123456789012:key/mrk-00000000000000000000000000000001"
GOOGLE_KEY = "projects/acme-prod/locations/global/keyRings/vault-auto-unseal/cryptoKeys/unseal-key"


def read(stack: Any, **snapshots: Any) -> SnapshotSettings:
    found = parse({**stack, "snapshots": snapshots}).snapshots
    assert found is not None
    return found


def bucket(stack: Any, **snapshots: Any) -> BucketSettings:
    store = read(stack, **snapshots).store
    assert isinstance(store, BucketSettings)
    return store


def test_none_by_default() -> None:
    assert parse(EKS).snapshots is None


def test_bucket_of_s3() -> None:
    assert read(EKS, **HOURLY) == SnapshotSettings(
        schedule="17 * * * *",
        store=BucketSettings(
            cloud="aws",
            name="acme-vault",
            create=False,
            prefix="",
            keep_days=30,
            kms_key="",
            identity="vault-snapshots-example",
            image=UPLOAD_IMAGE,
            region="eu-central-1",
        ),
        auth_path="kubernetes",
        stale_after_hours=3,
    )


def test_bucket_of_google() -> None:
    store = bucket(GKE, **HOURLY, prefix="vault/prod/", serviceAccount="vault-backups")
    assert (store.cloud, store.prefix, store.identity) == ("google", "vault/prod/", "vault-backups")
    assert bucket(GKE, **HOURLY).identity == "vault-snapshots"


def test_role_is_as_vaults_own() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    role = {"path": "/vault/", "permissionsBoundary": boundary}
    store = bucket({**EKS, "role": role, "identity": {"kind": "pod-identity"}}, **HOURLY, region="eu-west-1")
    assert (store.role_path, store.permissions_boundary, store.pod_identity) == ("/vault/", boundary, True)
    assert store.region == "eu-west-1"
    given = {"role": {"arn": "arn:aws:iam::123456789012:role/vault"}}
    assert bucket({**EKS, **given}, **HOURLY).role_path == "/"


def test_own_bucket() -> None:
    store = bucket(EKS, **HOURLY, createBucket=True, keep={"days": 90}, kmsKey=KEY, roleName="backups")
    assert (store.create, store.keep_days, store.kms_key, store.identity) == (True, 90, KEY, "backups")


def test_volume() -> None:
    store = read(SHAMIR, schedule="@daily", volume={"size": "20Gi"}, keep={"count": 10}).store
    assert store == VolumeSettings(claim="", size="20Gi", storage_class=None, keep_count=10)
    store = read(SHAMIR, schedule="@daily", volume={"claim": "backups"}).store
    assert store == VolumeSettings(claim="backups", size="", storage_class=None, keep_count=48)


@pytest.mark.parametrize(
    ("schedule", "hours"), [("17 * * * *", 3), ("30 2 * * *", 49), ("30 2 * * 1-5", 145), ("*/10 * * * *", 3)]
)
def test_two_snapshots_may_fail_before_it_is_stale(schedule: str, hours: int) -> None:
    assert read(EKS, schedule=schedule, bucket="acme-vault").stale_after_hours == hours


def test_given_age_counts() -> None:
    assert read(EKS, **HOURLY, staleAfterHours=30).stale_after_hours == 30


@pytest.mark.parametrize(
    ("stack", "snapshots", "problem"),
    [
        (EKS, {"bucket": "acme-vault"}, "snapshots.schedule is not set: say when"),
        (EKS, {**HOURLY, "schedule": "hourly"}, "give a schedule as Kubernetes' CronJobs have it"),
        (EKS, {"schedule": "17 * * * *"}, "snapshots.bucket is not set: name where snapshots go"),
        (EKS, {**HOURLY, "volume": {"claim": "backups"}}, "set one of bucket and volume"),
        (EKS, {**HOURLY, "bucket": "Acme"}, "a bucket of 3 to 63 of a-z"),
        (EKS, {**HOURLY, "prefix": "vault"}, "with a slash at the end"),
        (EKS, {**HOURLY, "prefix": "../"}, "with a slash at the end"),
        (EKS, {**HOURLY, "keep": {"days": 3}}, "the rules of a bucket that is given are its owner's"),
        (EKS, {**HOURLY, "keep": {"count": 3}}, "it belongs to a volume"),
        (EKS, {**HOURLY, "serviceAccount": "vault-backups"}, "the job's identity is a role here"),
        (GKE, {**HOURLY, "roleName": "backups"}, "the job's identity is a service account here"),
        (EKS, {**HOURLY, "kmsKey": "alias/backups"}, "not of an alias"),
        (EKS, {**HOURLY, "createBucket": True, "region": "eu-west-1"}, "in the region of its cluster"),
        (GKE, {**HOURLY, "region": "eu-west-1"}, "found by its name"),
        (GKE, {**HOURLY, "kmsKey": GOOGLE_KEY.replace("unseal-key", "b")}, "with its own default key"),
        (GKE, {**HOURLY, "createBucket": True, "kmsKey": GOOGLE_KEY}, "it is the key that unseals Vault"),
        ({**EKS, "key": {"arn": KEY}}, {**HOURLY, "kmsKey": KEY}, "it is the key that unseals Vault"),
        (
            {**EKS, "key": {"arn": REPLICATED}},
            {**HOURLY, "kmsKey": REPLICATED.replace("eu-central-1", "eu-west-1")},
            "it is the key that unseals Vault",
        ),
        (EKS, {**HOURLY, "images": {"upload": "rclone"}}, "give an image with its tag"),
        (EKS, {**HOURLY, "staleAfterHours": 1}, "more than the 1 that may be between two snapshots"),
        (EKS, {**HOURLY, "buckets": "b"}, "there is no such setting"),
        (EKS, {**HOURLY, "authPath": "/kubernetes"}, "without auth/ before it"),
        (SHAMIR, HOURLY, "set clusterName, or use volume"),
        (SHAMIR, {"schedule": "@daily", "volume": {}}, "or give the size of a new one"),
        (
            SHAMIR,
            {"schedule": "@daily", "volume": {"claim": "backups"}, "keep": {"days": 3}},
            "set keep.count",
        ),
        (
            SHAMIR,
            {"schedule": "@daily", "volume": {"claim": "b", "storageClass": "gp3"}},
            "the claim has one already",
        ),
        (SHAMIR, {"schedule": "@daily", "volume": {"claim": "b"}, "prefix": "a/"}, "it belongs to a bucket"),
        ({**EKS, "mode": "standalone"}, HOURLY, "only raft has snapshots"),
    ],
)
def test_wrong_settings_are_told(stack: Any, snapshots: dict[str, Any], problem: str) -> None:
    (found,) = problems({**stack, "snapshots": snapshots})
    assert problem in found

"""Cloud Storage and the real rclone: what a job may write with, and that it can do nothing else."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import requests

from sandbox.google.project import LOCATION, PROJECT_ID, STORAGE_AGENT
from tests.built_tools import built_tools
from tests.integration.google.running_google import GoogleAnswer, RunningGoogle

API = "storage.googleapis.com/storage/v1/b"
CREATOR = "roles/storage.objectCreator"
PREFIX = "vault/"
WRITING = {
    "RCLONE_GCS_BUCKET_POLICY_ONLY": "true",
    "RCLONE_GCS_NO_CHECK_BUCKET": "true",
    "RCLONE_NO_CHECK_DEST": "true",
}
"""Settings of rclone without which it asks for more than the right to create, or for access control lists."""
SMALL = b"a snapshot\r\n--\r\n\r\nof Vault"
LARGE = bytes(range(256)) * 68 * 1024
"""17 MiB: two parts of the size that Google's client for Go has."""


@dataclass(frozen=True)
class Store:
    """A bucket, and an account that may create objects in it."""

    google: RunningGoogle
    bucket: str
    account: str
    credentials: Path

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> GoogleAnswer:
        """One call of the bucket's API, as the deployer."""
        return self.google.call(method, f"{API}/{self.bucket}{path}", body)

    def grant(self, role: str, **condition: str) -> None:
        """Give the account this role on the bucket, and no other one."""
        binding: dict[str, Any] = {"role": role, "members": [f"serviceAccount:{self.account}"]}
        if condition:
            binding["condition"] = condition
        assert self.call("PUT", "/iam", {"version": 3, "bindings": [binding]}).code == 200

    def content(self, name: str) -> bytes:
        """What an object holds, read by the deployer."""
        answer = requests.get(
            f"https://{API}/{self.bucket}/o/{quote(name, safe='')}",
            params={"alt": "media"},
            headers={"Authorization": f"Bearer {self.google.deployer_token}"},
            proxies={"https": self.google.url},
            verify=str(self.google.authority),
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        return answer.content

    def copy(self, source: str, destination: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """Run ``rclone copyto`` as the account."""
        environment = {
            **self.google.environment,
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.credentials),
            "HOME": str(self.credentials.parent),
            "RCLONE_GCS_ENV_AUTH": "true",
            "RCLONE_RETRIES": "1",
            "RCLONE_LOW_LEVEL_RETRIES": "1",
            **settings,
        }
        command = [str(built_tools().rclone), "copyto", source, destination]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120
        )


@pytest.fixture(scope="module")
def store(google: RunningGoogle, tmp_path_factory: pytest.TempPathFactory) -> Store:
    name = f"backups-{uuid4().hex[:8]}"
    body = {
        "name": name,
        "location": LOCATION,
        "iamConfiguration": {
            "uniformBucketLevelAccess": {"enabled": True},
            "publicAccessPrevention": "enforced",
        },
        "versioning": {"enabled": True},
    }
    assert google.call("POST", f"{API}?project={PROJECT_ID}", body).code == 200
    account = google.create_account(f"snapshot-{uuid4().hex[:8]}")
    credentials = tmp_path_factory.mktemp("store") / "credentials.json"
    credentials.write_text(json.dumps(google.key_file(account)))
    made = Store(google, name, account, credentials)
    made.grant(CREATOR)
    return made


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "small").write_bytes(SMALL)
    (folder / "large").write_bytes(LARGE)
    return folder


@pytest.mark.parametrize(("source", "content"), [("small", SMALL), ("large", LARGE)])
def test_an_account_that_may_only_create_uploads_and_an_administrator_reads(
    store: Store, files: Path, source: str, content: bytes
) -> None:
    name = f"{PREFIX}of a job/{source}.snap"
    result = store.copy(f"{files}/{source}", f":gcs:{store.bucket}/{name}", **WRITING)
    assert result.returncode == 0, result.stderr
    assert store.content(name) == content
    listed = store.call("GET", f"/o?prefix={PREFIX}of a job/{source}").result["items"]
    assert [item["size"] for item in listed] == [str(len(content))]


@pytest.mark.parametrize("setting", WRITING)
def test_settings_without_which_the_right_to_create_is_not_enough(
    store: Store, files: Path, setting: str
) -> None:
    settings = {**WRITING, setting: "false"}
    result = store.copy(f"{files}/small", f":gcs:{store.bucket}/{PREFIX}{setting}", **settings)
    assert result.returncode != 0


def test_the_writer_replaces_and_reads_nothing(store: Store, files: Path) -> None:
    name = f"{PREFIX}mine"
    place = f":gcs:{store.bucket}/{name}"
    assert store.copy(f"{files}/small", place, **WRITING).returncode == 0
    again = store.copy(f"{files}/small", place, **WRITING)
    assert f"{store.account} does not have storage.objects.delete access" in again.stderr
    back = store.copy(place, f"{files}/back")
    assert back.returncode != 0
    assert not (files / "back").exists()
    assert store.content(name) == SMALL


def test_without_its_role_it_creates_nothing(store: Store, files: Path) -> None:
    store.grant("roles/storage.objectViewer")
    try:
        result = store.copy(f"{files}/small", f":gcs:{store.bucket}/{PREFIX}none", **WRITING)
        assert f"{store.account} does not have storage.objects.create access" in result.stderr
    finally:
        store.grant(CREATOR)


def test_a_condition_limits_it_to_a_prefix(store: Store, files: Path) -> None:
    begins = f"projects/_/buckets/{store.bucket}/objects/{PREFIX}only"
    store.grant(CREATOR, title="only", expression=f'resource.name.startsWith("{begins}")')
    try:
        inside = store.copy(f"{files}/small", f":gcs:{store.bucket}/{PREFIX}only/x", **WRITING)
        assert inside.returncode == 0, inside.stderr
        outside = store.copy(f"{files}/small", f":gcs:{store.bucket}/{PREFIX}x", **WRITING)
        assert "does not have storage.objects.create access" in outside.stderr
    finally:
        store.grant(CREATOR)


def test_a_key_of_kms_is_used_by_cloud_storage_itself(store: Store, files: Path) -> None:
    key = store.google.create_key(f"ring-{uuid4().hex[:8]}")
    encryption = {"encryption": {"defaultKmsKeyName": key}}
    refused = store.call("PATCH", "", encryption)
    assert refused.code == 403
    assert refused.error.startswith("Permission denied on Cloud KMS key.")
    role = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
    store.google.bind(f"cloudkms.googleapis.com/v1/{key}", {role: [f"serviceAccount:{STORAGE_AGENT}"]})
    assert store.call("PATCH", "", encryption).code == 200
    name = f"{PREFIX}encrypted"
    result = store.copy(f"{files}/small", f":gcs:{store.bucket}/{name}", **WRITING)
    assert result.returncode == 0, result.stderr
    (listed,) = store.call("GET", f"/o?prefix={name}").result["items"]
    assert listed["kmsKeyName"] == f"{key}/cryptoKeyVersions/1"
    assert store.call("PATCH", "", {"encryption": None}).code == 200


def test_a_bucket_has_one_name_and_goes_only_when_it_is_empty(store: Store) -> None:
    again = store.google.call("POST", f"{API}?project={PROJECT_ID}", {"name": store.bucket})
    assert (again.code, again.body["error"]["errors"][0]["reason"]) == (409, "conflict")
    wrong = store.google.call("POST", f"{API}?project={PROJECT_ID}", {"name": "Not_A_Name"})
    assert wrong.error == "Invalid bucket name: 'Not_A_Name'"
    full = store.call("DELETE", "")
    assert full.error == "The bucket you tried to delete is not empty."
    assert store.google.call("GET", f"{API}/no-such-bucket").error == "The specified bucket does not exist."

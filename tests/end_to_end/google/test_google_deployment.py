"""On Google Cloud: from an empty project to three voters, and on through restart, rotation and destroy."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.end_to_end.google.conftest import IAM, KEY, KMS, PROJECT, RING, GoogleDeployment
from tests.end_to_end.lost_volumes import require_drill_passed
from tests.end_to_end.scheduled_snapshots import SCHEDULE, take_now

RESOURCE_TYPES = {
    "gcp:kms/cryptoKey:CryptoKey",
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
    "gcp:kms/keyRing:KeyRing",
    "gcp:compute/firewall:Firewall",
    "gcp:projects/iAMCustomRole:IAMCustomRole",
    "gcp:projects/service:Service",
    "gcp:serviceaccount/account:Account",
    "gcp:serviceaccount/iAMMember:IAMMember",
    "kubernetes:core/v1:Namespace",
    "kubernetes:helm.sh/v3:Release",
    "pulumi-python:dynamic/vault:AuditDevices",
    "pulumi-python:dynamic/vault:OperatorInit",
    "pulumi-python:dynamic/vault:PodRollout",
    "pulumi-python:dynamic/vault:RaftQuorum",
}
BUCKET = "vault-snapshots-of-the-drill"
ACCOUNT = "vault-auto-unseal@sandbox-project.iam.gserviceaccount.com"


def test_preview_before_the_first_deployment_makes_nothing(empty_project: GoogleDeployment) -> None:
    google = empty_project
    google.configure({})
    preview = google.stack.run("preview", "--json")
    assert preview.returncode == 0, preview.stdout + preview.stderr
    steps = json.loads(preview.stdout)["steps"]
    assert {step["newState"]["type"] for step in steps if step["op"] == "create"} >= RESOURCE_TYPES
    # Not even the API was enabled, without which there is no ring.
    assert "SERVICE_DISABLED" in google.ask("GET", f"{KMS}/{RING}").text
    assert google.cluster.run("get", "namespace", "vault").returncode != 0


def test_three_voters_that_google_unseals(gcpckms: GoogleDeployment) -> None:
    outputs = gcpckms.outputs()
    vault = gcpckms.vault
    assert [(status["type"], status["sealed"]) for status in vault.seal_statuses()] == [
        ("gcpckms", False)
    ] * 3
    vault.await_healthy_voters(outputs["root_token"])
    assert (outputs["key_ring"], outputs["key_id"]) == (RING, KEY)
    assert outputs["service_account_email"] == ACCOUNT
    assert len(outputs["recovery_shares"]) == 5
    assert outputs["audit_devices"] == ["file", "stdout"]


def test_rights_are_on_the_key_alone(gcpckms: GoogleDeployment) -> None:
    member = f"serviceAccount:{ACCOUNT}"
    role = gcpckms.outputs()["key_reader_role"]
    assert gcpckms.bindings(f"{KMS}/{KEY}") == {
        "roles/cloudkms.cryptoKeyEncrypterDecrypter": [member],
        role: [member],
    }
    assert gcpckms.google("GET", f"{IAM}/{role}")["includedPermissions"] == ["cloudkms.cryptoKeys.get"]
    project = gcpckms.bindings(f"cloudresourcemanager.googleapis.com/v1/{PROJECT}")
    assert member not in [found for members in project.values() for found in members]
    assert gcpckms.bindings(f"{IAM}/{PROJECT}/serviceAccounts/{ACCOUNT}") == {
        "roles/iam.workloadIdentityUser": ["serviceAccount:sandbox-project.svc.id.goog[vault/vault]"]
    }


def test_control_plane_reaches_the_webhook(gcpckms: GoogleDeployment) -> None:
    name = gcpckms.outputs()["firewall_rule"].rpartition("/")[2]
    rule = gcpckms.google("GET", f"compute.googleapis.com/compute/v1/{PROJECT}/global/firewalls/{name}")
    assert rule["sourceRanges"] == ["172.16.0.0/28"]
    assert rule["allowed"] == [{"IPProtocol": "tcp", "ports": ["8080"]}]
    assert rule["direction"] == "INGRESS"


def test_a_second_update_changes_nothing(gcpckms: GoogleDeployment) -> None:
    for command in (("up", "--yes", "--skip-preview"), ("preview",), ("preview", "--refresh")):
        result = gcpckms.stack.run(*command, "--expect-no-changes")
        assert result.returncode == 0, result.stdout + result.stderr


def test_all_pods_deleted_and_unsealed_again(gcpckms: GoogleDeployment) -> None:
    vault, token = gcpckms.vault, gcpckms.outputs()["root_token"]
    vault.write("cubbyhole/before", token, {"kept": "yes"})
    vault.delete_pods()
    vault.await_healthy_voters(token)
    answer = vault.read("cubbyhole/before", token)
    assert answer is not None
    assert answer["data"] == {"kept": "yes"}


def test_key_rotated_and_pods_restarted(gcpckms: GoogleDeployment) -> None:
    vault, token = gcpckms.vault, gcpckms.outputs()["root_token"]
    version = gcpckms.google("POST", f"{KMS}/{KEY}/cryptoKeyVersions", {})["name"].rpartition("/")[2]
    gcpckms.google("POST", f"{KMS}/{KEY}:updatePrimaryVersion", {"cryptoKeyVersionId": version})
    vault.delete_pods()
    vault.await_healthy_voters(token)
    # Vault encrypts what it keeps anew when a server becomes active, and needs no older version from then on.
    gcpckms.set_version_state(KEY, int(version) - 1, "DISABLED")
    vault.delete_pods()
    vault.await_healthy_voters(token)
    gcpckms.set_version_state(KEY, int(version) - 1, "ENABLED")
    result = gcpckms.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture
def with_snapshots(gcpckms: GoogleDeployment) -> Iterator[GoogleDeployment]:
    """The same with snapshots on a schedule meanwhile."""
    snapshots = {"schedule": SCHEDULE, "bucket": BUCKET, "createBucket": True, "prefix": "drill/"}
    gcpckms.configure({"snapshots": snapshots})
    gcpckms.up()
    yield gcpckms
    gcpckms.configure({})
    gcpckms.up()


def test_all_volumes_lost(with_snapshots: GoogleDeployment, tmp_path: Path) -> None:
    """The snapshot is the one that the job takes, and its record is beside it."""
    deployment, objects = with_snapshots, f"storage.googleapis.com/storage/v1/b/{BUCKET}/o"
    account = deployment.outputs()["snapshot_service_account"]
    policy = deployment.google("GET", objects.removesuffix("/o") + "/iam?optionsRequestedPolicyVersion=3")
    (granted,) = [
        binding for binding in policy["bindings"] if f"serviceAccount:{account}" in binding["members"]
    ]
    assert granted["role"] == "roles/storage.objectCreator"

    def taken(folder: Path) -> Path:
        take_now(deployment, "vault-snapshot")
        names = [str(one["name"]) for one in deployment.google("GET", objects)["items"]]
        snapshot = max(name for name in names if name.endswith(".snap"))
        assert snapshot.startswith("drill/")
        path = folder / snapshot.rpartition("/")[2]
        for suffix in ("", ".json"):
            url = f"{objects}/{quote(f'{snapshot}{suffix}', safe='')}?alt=media"
            Path(f"{path}{suffix}").write_bytes(deployment.ask("GET", url).content)
        return path

    require_drill_passed(deployment, tmp_path, taken)


def test_destroyed_and_up_again_with_the_same_ring(gcpckms: GoogleDeployment) -> None:
    before = gcpckms.outputs()
    gcpckms.ensure_nothing()
    assert gcpckms.google("GET", f"{KMS}/{KEY}")["primary"]["state"] == "ENABLED"
    assert gcpckms.ask("GET", f"{IAM}/{PROJECT}/serviceAccounts/{ACCOUNT}").status_code == 404
    gcpckms.ensure({})
    after = gcpckms.outputs()
    assert (after["key_ring"], after["key_id"]) == (before["key_ring"], before["key_id"])
    assert after["root_token"] != before["root_token"]
    gcpckms.vault.await_healthy_voters(after["root_token"])
    result = gcpckms.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr

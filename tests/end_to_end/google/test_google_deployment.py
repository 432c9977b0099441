"""On Google Cloud: from an empty project to three voters, and on through restart, rotation and destroy."""

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.end_to_end.first_configuration import require_pod_reads_secret
from tests.end_to_end.google.conftest import IAM, KEY, KMS, PROJECT, RING, GoogleDeployment
from tests.end_to_end.lost_volumes import require_drill_passed
from tests.end_to_end.packaged_program import require_taken_over
from tests.end_to_end.running_vault import poll
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
SNAPSHOTS = {"snapshots": {"schedule": SCHEDULE, "bucket": BUCKET, "createBucket": True, "prefix": "drill/"}}
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


def test_status_tells_that_the_key_serves_vault_no_more(gcpckms: GoogleDeployment) -> None:
    """A pod that restarts stays sealed, and the leader that follows tests the key at once."""
    vault, token = gcpckms.vault, gcpckms.outputs()["root_token"]
    vault.await_healthy_voters(token)
    assert attention(gcpckms) == {}
    leader = leading_pod(gcpckms)
    version = int(gcpckms.google("GET", f"{KMS}/{KEY}")["primary"]["name"].rpartition("/")[2])
    gcpckms.set_version_state(KEY, version, "DISABLED")
    try:
        gcpckms.cluster.kubectl("delete", "pod", leader, gcpckms.in_namespace)
        poll(
            "what is sealed, and why others will be",
            120,
            lambda: "a pod that starts now stays sealed" in attention(gcpckms).get("Seal", ""),
        )
        assert f"{leader}: it is sealed" in attention(gcpckms)["Pods"]
    finally:
        gcpckms.set_version_state(KEY, version, "ENABLED")
    poll("unsealed by itself", 60, lambda: vault.unsealed() == 3)
    vault.await_healthy_voters(token)
    # Else the leader's next test of the key is within a minute.
    vault.write("sys/step-down", token, {})
    poll("nothing needs attention", 90, lambda: attention(gcpckms) == {})


def attention(deployment: GoogleDeployment) -> Mapping[str, str]:
    """What the command `status` finds to do, by section."""
    shown = deployment.run_command("status", "--json", expected=(0, 1))
    found = {
        str(section["title"]): "\n".join(
            f"{line['about']}: {line['says']}" for line in section["lines"] if line["state"] == "attention"
        )
        for section in json.loads(shown.stdout)["sections"]
    }
    wrong = {title: lines for title, lines in found.items() if lines}
    assert shown.returncode == (1 if wrong else 0), shown.stdout
    return wrong


def leading_pod(deployment: GoogleDeployment) -> str:
    """Name of the pod that leads."""
    answer = deployment.vault.read("sys/leader", "")
    assert answer is not None
    return str(answer["leader_address"]).partition("//")[2].partition(".")[0]


def test_a_program_with_the_package_takes_the_stack_over(gcpckms: GoogleDeployment, tmp_path: Path) -> None:
    require_taken_over(gcpckms, tmp_path)


@pytest.fixture
def with_snapshots(google: GoogleDeployment) -> GoogleDeployment:
    """The same with snapshots on a schedule from then on."""
    if google.deployed != SNAPSHOTS:
        google.ensure({})
        google.configure(SNAPSHOTS)
        google.up()
        google.deployed = SNAPSHOTS
    return google


def test_injected_pod_reads_a_secret_by_the_example_beside_snapshots(
    with_snapshots: GoogleDeployment, tmp_path: Path
) -> None:
    """Their job has a role of the auth method already."""
    settings = {"cluster": {"existing": True}}
    require_pod_reads_secret(with_snapshots, with_snapshots.vault, tmp_path, settings)


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


def test_destroyed_and_up_again_with_the_same_ring(with_snapshots: GoogleDeployment) -> None:
    gcpckms = with_snapshots
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

"""The service account of the snapshots' job and its one right, as the engine is asked for them."""

import pulumi

from components.google.project import google_provider
from components.google.snapshot_identity import SnapshotAccount, SnapshotAccountArgs
from tests.unit.fakes.mocked_google import ACCOUNT, ACCOUNT_MEMBER, PROJECT, WORKLOAD_POOL
from tests.unit.fakes.recorded_deployment import Deployment, deploy

MEMBER = "gcp:storage/bucketIAMMember:BucketIAMMember"
EMAIL = f"vault-snapshots@{PROJECT}.iam.gserviceaccount.com"


def made(prefix: str = "prod/") -> Deployment:
    def program() -> None:
        args = SnapshotAccountArgs(
            account_id="vault-snapshots",
            project=PROJECT,
            bucket="acme",
            bucket_name="acme",
            prefix=prefix,
            workload_pool=WORKLOAD_POOL,
            kubernetes_member="vault/vault-snapshot",
            prerequisites=(),
        )
        options = pulumi.ResourceOptions(provider=google_provider(PROJECT))
        pulumi.export("email", SnapshotAccount("snapshot-identity", args, options).email)

    return deploy(
        {},
        answers={},
        outputs=lambda args: (
            {"email": EMAIL, "name": f"projects/{PROJECT}/serviceAccounts/{EMAIL}"}
            if args.typ == ACCOUNT
            else {}
        ),
        program=program,
    )


def test_account_creates_objects_below_the_prefix_and_nothing_else() -> None:
    deployment = made()
    member = deployment.only(MEMBER).inputs
    assert (member["bucket"], member["role"]) == ("acme", "roles/storage.objectCreator")
    assert member["member"] == f"serviceAccount:{EMAIL}"
    expression = 'resource.name.startsWith("projects/_/buckets/acme/objects/prod/")'
    assert member["condition"]["expression"] == expression
    assert deployment.outputs["email"] == EMAIL


def test_whole_bucket_needs_no_condition() -> None:
    assert "condition" not in made("").only(MEMBER).inputs


def test_jobs_pods_alone_are_this_account() -> None:
    member = made().only(ACCOUNT_MEMBER).inputs
    assert member["role"] == "roles/iam.workloadIdentityUser"
    assert member["member"] == f"serviceAccount:{WORKLOAD_POOL}[vault/vault-snapshot]"

"""What keeps the snapshots, as the engine is asked for it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pulumi.runtime import MockResourceArgs

from components.errors import DeploymentError
from components.resource_types import SERVICE_ACCOUNT, VOLUME_CLAIM
from tests.unit.fakes import mocked_account, mocked_google
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.mocked_account import ACCOUNT, ANSWERS, EKS, GET_OIDC_PROVIDER, KEY_ARN, ROLE, up
from tests.unit.fakes.mocked_google import ACCOUNT as GOOGLE_ACCOUNT
from tests.unit.fakes.mocked_google import CLUSTER, GET_CLUSTER, NOTHING_YET, SERVICE
from tests.unit.fakes.recorded_deployment import Deployment, deploy
from tests.unit.fakes.stack_settings import GKE, handed_on

pytestmark = pytest.mark.usefixtures("program_commands")

HOURLY = {"schedule": "17 * * * *", "bucket": "acme-vault", "prefix": "prod/"}
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
BUCKET, GOOGLE_BUCKET = "aws:s3/bucket:Bucket", "gcp:storage/bucket:Bucket"
AGENT = {"aws:eks/getAddon:getAddon": {"addonName": "agent"}}


def on_aws(snapshots: Mapping[str, Any] = HOURLY, answers: Any = ANSWERS, **more: Any) -> Deployment:
    return up(handed_on({**EKS, "snapshots": snapshots, **more}), answers=answers)


def on_google(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
    snapshots: Mapping[str, Any] = HOURLY,
    answers: Any = NOTHING_YET,
    **more: Any,
) -> Deployment:
    scripts = {"kubectl": "echo '{}'", "gke-gcloud-auth-plugin": "exit 0"}
    only_commands(monkeypatch, tmp_path / "google", **scripts)

    def outputs(args: MockResourceArgs) -> Mapping[str, Any]:
        return {**mocked_account.computed(args), **mocked_google.computed(args)}

    return deploy(handed_on({**GKE, "snapshots": snapshots, **more}), answers=answers, outputs=outputs)


def test_role_of_aws_is_the_jobs_alone() -> None:
    deployment = on_aws()
    (role,) = [entry for entry in deployment.of_type(ROLE) if entry.name == "snapshot-role"]
    trust = json.loads(role.inputs["assumeRolePolicy"])["Statement"][0]["Condition"]["StringEquals"]
    assert "system:serviceaccount:vault:vault-snapshot" in trust.values()
    annotations = deployment.only(SERVICE_ACCOUNT).inputs["metadata"]["annotations"]
    assert annotations == {"eks.amazonaws.com/role-arn": mocked_account.ROLE_ARN}
    assert deployment.of_type(BUCKET) == []


def test_bucket_is_there_before_the_job() -> None:
    deployment = on_aws({**HOURLY, "createBucket": True})
    job = deployment.only("kubernetes:batch/v1:CronJob")
    assert {BUCKET, "aws:s3/bucketPolicy:BucketPolicy", ROLE} <= deployment.prerequisites(job)


def test_pod_identity_is_associated_before_the_job() -> None:
    answers = {**ANSWERS, **AGENT}
    deployment = on_aws(answers=answers, identity={"kind": "pod-identity"})
    accounts = {entry.inputs["serviceAccount"] for entry in deployment.of_type(ASSOCIATION)}
    assert accounts == {"vault", "vault-snapshot"}
    assert "annotations" not in deployment.only(SERVICE_ACCOUNT).inputs["metadata"]
    job = deployment.only("kubernetes:batch/v1:CronJob")
    assert ASSOCIATION in deployment.prerequisites(job)


def test_key_of_the_stack_that_unseals_is_refused_once_it_is_known() -> None:
    with pytest.raises(DeploymentError, match="it is the key that unseals Vault"):
        on_aws({**HOURLY, "kmsKey": KEY_ARN})
    other = KEY_ARN.replace("11111111", "99999999")
    assert f"{ACCOUNT}" in other
    on_aws({**HOURLY, "kmsKey": other})


def test_shamir_on_eks_needs_the_provider_of_tokens() -> None:
    deployment = on_aws(seal="shamir")
    assert GET_OIDC_PROVIDER in [call.token for call in deployment.calls]


def test_google_account_is_the_jobs_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    deployment = on_google(monkeypatch, tmp_path)
    accounts = {entry.inputs["accountId"] for entry in deployment.of_type(GOOGLE_ACCOUNT)}
    assert accounts == {"vault-auto-unseal", "vault-snapshots"}
    annotations = deployment.only(SERVICE_ACCOUNT).inputs["metadata"]["annotations"]
    assert list(annotations) == ["iam.gke.io/gcp-service-account"]
    assert deployment.of_type(GOOGLE_BUCKET) == []
    assert deployment.outputs["snapshot_location"] == "gs://acme-vault/prod/"


def test_google_bucket_is_in_the_clusters_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    deployment = on_google(monkeypatch, tmp_path, {**HOURLY, "createBucket": True})
    assert deployment.only(GOOGLE_BUCKET).inputs["location"] == "EUROPE-WEST3"


@pytest.mark.parametrize("kind", ["workload-identity", "key-file", "secret", "shamir"])
def test_each_api_is_enabled_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, kind: str) -> None:
    more: Mapping[str, Any] = (
        {"seal": "shamir"} if kind == "shamir" else {"identity": {"kind": kind, "secret": "kms"}}
    )
    if kind == "workload-identity":
        more = {}
    deployment = on_google(monkeypatch, tmp_path, **more)
    apis = [entry.inputs["service"] for entry in deployment.of_type(SERVICE)]
    assert len(apis) == len(set(apis))
    needed = {"storage", "iam", "iamcredentials", "sts"}
    assert {f"{name}.googleapis.com" for name in needed} <= set(apis)


def test_gke_without_workload_identity_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    without = {**CLUSTER, "workloadIdentityConfigs": []}
    with pytest.raises(DeploymentError, match="Workload Identity"):
        on_google(
            monkeypatch,
            tmp_path,
            answers={**NOTHING_YET, GET_CLUSTER: without},
            seal="shamir",
        )


def test_claim_of_others_is_used_as_it_is() -> None:
    deployment = on_aws({"schedule": "@daily", "volume": {"claim": "backups"}})
    assert deployment.of_type(VOLUME_CLAIM) == []
    assert deployment.outputs["snapshot_location"] == "PersistentVolumeClaim backups"

"""Snapshots on a schedule, as the engine is asked for them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.resource_types import CONFIG_MAP, CRON_JOB, NETWORK_POLICY, SERVICE_ACCOUNT
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.mocked_account import (
    ANSWERS,
    AUDIT_DEVICES,
    EKS,
    FIRST_SNAPSHOT,
    GET_STATE,
    GUARD,
    INIT,
    POD_ROLLOUT,
    QUORUM,
    RELEASE,
    REVOCATION,
    ROOT_TOKEN,
    SNAPSHOT_ACCESS,
    shamir,
    up,
)
from tests.unit.fakes.recorded_deployment import Deployment, Secret

pytestmark = pytest.mark.usefixtures("program_commands")

HOURLY = {"schedule": "17 * * * *", "bucket": "acme-vault", "prefix": "prod/"}
ON_VOLUME = {"schedule": "@daily", "volume": {"size": "20Gi"}}
REVOKE = json.dumps({"rootToken": "revoke"})


def deployed(snapshots: Mapping[str, Any] = HOURLY, **more: str) -> Deployment:
    return up({**EKS, "snapshots": json.dumps(snapshots), **more})


def test_nothing_without_the_setting() -> None:
    deployment = up(EKS)
    assert {CRON_JOB, SERVICE_ACCOUNT, SNAPSHOT_ACCESS, FIRST_SNAPSHOT}.isdisjoint(deployment.types)
    assert "snapshot_job" not in deployment.outputs


def test_access_comes_before_the_end_of_the_root_token_and_the_first_snapshot_after() -> None:
    deployment = deployed(init=REVOKE)
    access, first = deployment.only(SNAPSHOT_ACCESS), deployment.only(FIRST_SNAPSHOT)
    assert {AUDIT_DEVICES, QUORUM, INIT} <= deployment.prerequisites(access)
    revocation = deployment.only(REVOCATION)
    assert SNAPSHOT_ACCESS in deployment.prerequisites(revocation)
    assert FIRST_SNAPSHOT not in deployment.prerequisites(revocation)
    assert {REVOCATION, CRON_JOB, SNAPSHOT_ACCESS} <= deployment.prerequisites(first)
    assert access.inputs["root_token"] == Secret(ROOT_TOKEN)
    assert access.additional_secret_outputs == {"token", "root_token"}


def test_first_snapshot_follows_the_access_if_the_root_token_stays() -> None:
    deployment = deployed()
    assert deployment.of_type(REVOCATION) == []
    assert {SNAPSHOT_ACCESS, CRON_JOB} <= deployment.prerequisites(deployment.only(FIRST_SNAPSHOT))


def test_job_has_its_account_and_files_before() -> None:
    deployment = deployed()
    job = deployment.only(CRON_JOB)
    assert job.inputs["metadata"] == {"name": "vault-snapshot", "namespace": "vault"}
    assert {SERVICE_ACCOUNT, CONFIG_MAP, SNAPSHOT_ACCESS} <= deployment.prerequisites(job)
    account = deployment.only(SERVICE_ACCOUNT)
    assert account.inputs["automountServiceAccountToken"] is False
    record = json.loads(
        deployment.only(CONFIG_MAP).inputs["data"]["record.json"].replace("@RAFT_INDEX@", "1")
    )
    assert record["keys_fingerprint"] == "sha256:0"
    assert record["seal_type"] == "awskms"
    assert record["keys_location"] == "the stack's state"


def test_outputs_tell_where_they_are() -> None:
    outputs = deployed().outputs
    assert outputs["snapshot_job"] == "vault-snapshot"
    assert outputs["snapshot_location"] == "s3://acme-vault/prod/"
    assert outputs["snapshot_stale_after_hours"] == 3


def test_only_a_network_policy_of_vault_brings_one_of_the_job() -> None:
    assert NETWORK_POLICY not in deployed().types
    deployment = deployed(networkPolicy="{}")
    names = {policy.inputs["metadata"]["name"] for policy in deployment.of_type(NETWORK_POLICY)}
    assert names == {"vault-server", "vault-snapshot"}


def test_volume_needs_no_cloud() -> None:
    deployment = shamir(snapshots=json.dumps(ON_VOLUME))
    claim = deployment.only("kubernetes:core/v1:PersistentVolumeClaim")
    assert claim.retain_on_delete
    # Another size would replace it, with all snapshots.
    assert claim.ignored_changes == {"spec"}
    assert "annotations" not in deployment.only(SERVICE_ACCOUNT).inputs["metadata"]
    assert deployment.outputs["snapshot_location"] == "PersistentVolumeClaim vault-snapshots"


def test_another_job_takes_another_first_snapshot_and_another_time_does_not() -> None:
    def content(**changed: Any) -> Any:
        return deployed({**HOURLY, **changed}).only(FIRST_SNAPSHOT).inputs["job"]

    assert content() == content(schedule="18 * * * *") == content(staleAfterHours=20)
    assert content() != content(prefix="other/")
    assert content() != content(authPath="k8s")


def test_while_the_seal_is_migrated_no_snapshot_is_taken() -> None:
    migration = json.dumps({"seal": "shamir"})
    deployment = up({**EKS, "snapshots": json.dumps(HOURLY), "migrateFrom": migration})
    job = deployment.only(CRON_JOB).inputs
    assert job["spec"]["suspend"] is True
    # Over what a person has set by the command that status shows for a suspended one.
    assert job["metadata"]["annotations"] == {"pulumi.com/patchForce": "true"}
    assert deployment.of_type(FIRST_SNAPSHOT) == []
    later = deployed().only(CRON_JOB).inputs
    assert later["spec"].get("suspend") is None
    assert "annotations" not in later["metadata"]


def recorded(*resources: tuple[str, Mapping[str, Any]]) -> dict[str, Any]:
    outputs = {
        f"urn:pulumi:test::vault-autounseal::{type_}::one": {"type": type_, "outputs": dict(found)}
        for type_, found in resources
    }
    return {**ANSWERS, GET_STATE: {"outputs": outputs}}


@pytest.mark.parametrize(
    ("revocation", "gone"), [({"deployment": "d"}, True), ({"placeholder": True}, False)]
)
def test_state_tells_whether_the_root_token_is_gone(revocation: Mapping[str, Any], gone: bool) -> None:
    settings = {**EKS, "snapshots": json.dumps(HOURLY), "init": REVOKE}
    deployment = up(settings, answers=recorded((REVOCATION, revocation)))
    assert deployment.only(SNAPSHOT_ACCESS).inputs["root_token_gone"] is gone


def test_root_token_of_its_holder_is_none() -> None:
    assert deployed().only(SNAPSHOT_ACCESS).inputs["root_token_gone"] is False


def test_new_stack_is_told_once_that_nothing_is_backed_up() -> None:
    said = "Nothing takes snapshots of this Vault on a schedule"
    assert any(said in line for line in up(EKS).log)
    assert not any(said in line for line in deployed().log)
    assert not any(said in line for line in up({**EKS, "replicas": "1"}).log)
    known = recorded((GUARD, {"audited": True}), (RELEASE, {"values": {"server": {}}}))
    assert not any(said in line for line in up(EKS, answers=known).log)


def test_name_that_kubernetes_refuses() -> None:
    with pytest.raises(DeploymentError, match="set a shorter releaseName"):
        deployed(releaseName="a" * 38)


def cron_job(**status: str) -> str:
    return json.dumps(
        {
            "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"suspend": False},
            "status": status,
        }
    )


def kubectl_answers(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *, cron: str, jobs: str = '{"items": []}'
) -> None:
    """A kubectl that knows one CronJob, its jobs, and one pod that has failed."""
    pod = {
        "metadata": {"name": "vault-snapshot-1-x", "creationTimestamp": "2026-01-02T00:00:00Z"},
        "status": {"containerStatuses": [{"name": "keep", "state": {"terminated": {"exitCode": 1}}}]},
    }
    only_commands(
        monkeypatch,
        folder / "answering",
        kubectl=f"""case "$*" in
  *"get cronjob.batch"*) echo '{cron}';;
  *"get jobs.batch"*) echo '{jobs}';;
  *"get pods"*) echo '{json.dumps({"items": [pod]})}';;
  *logs*) echo AccessDenied;;
  *) echo '{{}}';;
esac""",
        aws="exit 0",
    )


FAILED = {
    "items": [
        {
            "metadata": {
                "name": "vault-snapshot-1",
                "creationTimestamp": "2026-01-02T00:00:00Z",
                "ownerReferences": [{"kind": "CronJob", "name": "vault-snapshot"}],
            },
            "status": {
                "conditions": [{"type": "Failed", "status": "True", "message": "Job has reached its limit"}]
            },
        }
    ]
}


@pytest.mark.parametrize(
    ("snapshots", "kinds"),
    [
        (HOURLY, [SERVICE_ACCOUNT, CONFIG_MAP, CRON_JOB, "vault-autounseal:aws:SnapshotRole"]),
        (ON_VOLUME, [CONFIG_MAP, "kubernetes:core/v1:PersistentVolumeClaim"]),
    ],
)
def test_what_the_job_of_before_needs_stays_until_the_pods_are_replaced(
    snapshots: Mapping[str, Any], kinds: list[str]
) -> None:
    """The rolling change takes a snapshot by it before another version."""
    deployment = deployed(snapshots)
    for kind in kinds:
        assert POD_ROLLOUT in deployment.prerequisites(deployment.only(kind)), kind


def logged(configuration: Mapping[str, Any] = HOURLY, name: str = "vault-snapshot", **outputs: Any) -> str:
    settings = {**EKS, "snapshots": json.dumps(configuration)}
    metadata = {"name": name, "namespace": "vault"}
    known = recorded((CRON_JOB, {"metadata": metadata, **outputs}), (GUARD, {"audited": True}))
    return "\n".join(up(settings, answers=known).log)


def test_old_snapshot_is_told_with_the_log_of_the_newest_job(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = cron_job(lastSuccessfulTime="2026-01-01T17:17:00Z")
    kubectl_answers(monkeypatch, tmp_path, cron=old, jobs=json.dumps(FAILED))
    said = logged()
    assert "older than 3 hours (snapshots.staleAfterHours): the last one that succeeded ended at" in said
    assert "2026-01-01 17:17 UTC" in said
    assert "Job has reached its limit" in said
    assert "container keep:\nAccessDenied" in said


def test_young_snapshot_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    kubectl_answers(monkeypatch, tmp_path, cron=cron_job(lastSuccessfulTime=now))
    assert "older than" not in logged()


def test_suspended_job_is_told_with_the_way_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kubectl_answers(monkeypatch, tmp_path, cron=cron_job().replace("false", "true"))
    said = logged()
    assert "none has succeeded since 2026-01-01 00:00 UTC. CronJob vault-snapshot is suspended" in said
    assert 'patch cronjob vault-snapshot \'--patch={"spec":{"suspend":false}}\'' in said


def test_suspended_job_is_told_before_the_last_snapshot_is_old(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    suspended = cron_job(lastSuccessfulTime=now).replace("false", "true")
    kubectl_answers(monkeypatch, tmp_path, cron=suspended)
    said = logged()
    assert "CronJob vault-snapshot is suspended, so no further snapshot is taken" in said
    assert 'patch cronjob vault-snapshot \'--patch={"spec":{"suspend":false}}\'' in said


def test_suspension_by_the_stack_itself_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    suspended = cron_job(lastSuccessfulTime=now).replace("false", "true")
    kubectl_answers(monkeypatch, tmp_path, cron=suspended)
    assert "is suspended" not in logged(spec={"suspend": True})


@pytest.mark.parametrize(
    ("recorded_place", "told"),
    [
        ({"name": "vault-snapshot", "namespace": "vault"}, True),
        # The one that this update makes in its place isn't there yet.
        ({"name": "other-vault-snapshot", "namespace": "vault"}, False),
        ({"name": "vault-snapshot", "namespace": "other"}, False),
    ],
)
def test_job_that_somebody_has_deleted_is_told(
    recorded_place: Mapping[str, str], told: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kubectl_answers(monkeypatch, tmp_path, cron="")
    answers = recorded((CRON_JOB, {"metadata": recorded_place}), (GUARD, {"audited": True}))
    said = "\n".join(up({**EKS, "snapshots": json.dumps(HOURLY)}, answers=answers).log)
    assert ("There is no CronJob vault-snapshot any more, so no further snapshot is taken" in said) is told
    assert ("Only an update with --refresh makes it again" in said) is told


def test_cluster_that_does_not_answer_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(
        monkeypatch,
        tmp_path / "refusing",
        kubectl='case "$*" in *cronjob*) echo no route >&2; exit 1;; *) echo "{}";; esac',
        aws="exit 0",
    )
    assert "When the last snapshot was taken can't be seen: no route" in logged()

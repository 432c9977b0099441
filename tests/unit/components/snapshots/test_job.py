"""The job that takes snapshots: what its pods are, and what its scripts do."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.settings.snapshots import BucketSettings
from components.snapshots import job
from components.snapshots.archive import verified_archive
from components.snapshots.job import (
    RecordedKeys,
    cron_job,
    job_files,
    record_template,
    remote,
    specification_text,
)
from components.snapshots.record import SnapshotRecord
from tests.unit.fakes.snapshot_files import packed, parts
from tests.unit.fakes.stack_settings import EKS, GKE, SHAMIR, parse

KEYS = RecordedKeys("uid/vault/vault", "awskms", "arn:aws:kms:1", "sha256:0", "the stack's state", "")
HOURLY = {"schedule": "17 * * * *", "bucket": "acme", "prefix": "prod/"}
VOLUME = {"schedule": "@daily", "volume": {"size": "20Gi"}, "keep": {"count": 3}}
SCRIPTS = Path(job.__file__).parent
CLUSTER = "0a1b2c3d-1111-2222-3333-444455556666"


def specification(stack: Mapping[str, Any] = EKS, snapshots: Any = HOURLY, **more: Any) -> Any:
    settings = parse({**stack, "snapshots": snapshots, **more})
    assert settings.snapshots is not None
    return cron_job(settings, settings.snapshots, "vault", files_checksum="c")


def pod(stack: Mapping[str, Any] = EKS, snapshots: Any = HOURLY, **more: Any) -> Any:
    return specification(stack, snapshots, **more)["jobTemplate"]["spec"]["template"]["spec"]


def environment(container: Mapping[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container["env"]}


def test_jobs_never_overlap_and_end() -> None:
    found = specification()
    assert (found["schedule"], found["concurrencyPolicy"]) == ("17 * * * *", "Forbid")
    assert found["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 3600
    assert found["startingDeadlineSeconds"] >= 10


def test_pods_are_restricted() -> None:
    found = pod()
    assert found["securityContext"]["runAsNonRoot"] is True
    assert found["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert found["automountServiceAccountToken"] is False
    for container in (*found["initContainers"], *found["containers"]):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}


def test_token_of_kubernetes_is_for_this_vault_alone() -> None:
    found = pod()
    (token,) = [volume for volume in found["volumes"] if volume["name"] == "login-token"]
    (source,) = token["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "vault-autounseal-snapshot"
    (taking,), (keeping,) = found["initContainers"], found["containers"]
    mounted = [{mount["name"] for mount in container["volumeMounts"]} for container in (taking, keeping)]
    assert {"login", "login-token"} <= mounted[0]
    # What uploads has no way to Vault.
    assert mounted[1] == {"snapshot", "job"}
    (login,) = [volume for volume in found["volumes"] if volume["name"] == "login"]
    assert login["emptyDir"]["medium"] == "Memory"


def test_active_vault_is_asked_and_verified() -> None:
    found = environment(pod()["initContainers"][0])
    assert found["VAULT_ADDR"] == "https://vault-active.vault.svc:8200"
    assert found["VAULT_TLS_SERVER_NAME"] == "vault-active.vault.svc"
    (authority,) = [volume for volume in pod()["volumes"] if volume["name"] == "ca"]
    assert authority["secret"] == {
        "secretName": "vault-server-tls",
        "items": [{"key": "ca.crt", "path": "ca.crt"}],
    }
    given = pod(tls={"source": "secret", "secret": "given"})["volumes"]
    assert [volume["secret"]["secretName"] for volume in given if volume["name"] == "ca"] == ["given"]


def test_without_tls_nothing_is_verified() -> None:
    found = pod(tls={"source": "none"})
    assert environment(found["initContainers"][0])["VAULT_ADDR"] == "http://vault-active.vault.svc:8200"
    assert "ca" not in {volume["name"] for volume in found["volumes"]}


def test_bucket_of_s3_is_written_and_never_looked_at() -> None:
    found = environment(pod()["containers"][0])
    assert found["DESTINATION"] == "acme/prod/"
    assert found["RCLONE_CONFIG_STORE_TYPE"] == "s3"
    assert found["RCLONE_CONFIG_STORE_REGION"] == "eu-central-1"
    assert found["RCLONE_CONFIG_STORE_NO_HEAD"] == "true"
    assert found["RCLONE_CONFIG_STORE_NO_CHECK_BUCKET"] == "true"
    assert not [name for name in found if "KEY" in name or "SECRET" in name]


def test_key_of_the_bucket_is_named_at_each_upload() -> None:
    key = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    found = environment(pod(snapshots={**HOURLY, "kmsKey": key})["containers"][0])
    assert found["RCLONE_CONFIG_STORE_SERVER_SIDE_ENCRYPTION"] == "aws:kms"
    assert found["RCLONE_CONFIG_STORE_SSE_KMS_KEY_ID"] == key


def test_bucket_of_google() -> None:
    settings = parse({**GKE, "snapshots": HOURLY})
    assert settings.snapshots is not None
    assert isinstance(settings.snapshots.store, BucketSettings)
    assert remote(settings.snapshots.store) == {
        "RCLONE_CONFIG_STORE_BUCKET_POLICY_ONLY": "true",
        "RCLONE_CONFIG_STORE_ENV_AUTH": "true",
        "RCLONE_CONFIG_STORE_NO_CHECK_BUCKET": "true",
        "RCLONE_CONFIG_STORE_TYPE": "google cloud storage",
    }


def test_volume_is_kept_by_vaults_own_image() -> None:
    found = pod(SHAMIR, VOLUME)
    (keeping,) = found["containers"]
    assert keeping["image"] == found["initContainers"][0]["image"]
    assert environment(keeping) == {"KEEP": "3"}
    (kept,) = [volume for volume in found["volumes"] if volume["name"] == "kept"]
    assert kept["persistentVolumeClaim"] == {"claimName": "vault-snapshots"}
    (given,) = [
        volume
        for volume in pod(SHAMIR, {"schedule": "@daily", "volume": {"claim": "mine"}})["volumes"]
        if volume["name"] == "kept"
    ]
    assert given["persistentVolumeClaim"] == {"claimName": "mine"}


def test_pods_go_where_vaults_may() -> None:
    more: dict[str, Any] = {
        "nodeSelector": {"pool": "vault"},
        "tolerations": [{"key": "vault", "operator": "Exists"}],
        "priorityClassName": "high",
        "imagePullSecrets": ["registry"],
    }
    found = pod(**more)
    assert found["nodeSelector"] == {"pool": "vault"}
    assert found["tolerations"] == [{"key": "vault", "operator": "Exists"}]
    assert (found["priorityClassName"], found["imagePullSecrets"]) == ("high", [{"name": "registry"}])
    assert {"nodeSelector", "tolerations", "imagePullSecrets"}.isdisjoint(pod())


def test_files_are_those_that_the_store_needs() -> None:
    for stack, snapshots, names in (
        (EKS, HOURLY, {"take.sh", "upload.sh", "record.json"}),
        (SHAMIR, VOLUME, {"take.sh", "keep.sh", "record.json"}),
    ):
        settings = parse({**stack, "snapshots": snapshots})
        assert settings.snapshots is not None
        assert set(job_files(KEYS, settings.snapshots)) == names


def test_text_of_a_specification_does_not_depend_on_its_order() -> None:
    assert specification_text({"a": 1, "b": 2}) == specification_text({"b": 2, "a": 1})


STATUS = json.dumps({"cluster_id": CLUSTER, "version": "1.21.2", "sealed": False}, indent=2)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folders of the job's pod, and a Vault that lets it in and gives a whole snapshot."""
    for folder in ("snapshot", "login", "job", "volume", "bin", "store"):
        (tmp_path / folder).mkdir()
    (tmp_path / "token").write_text("the.jwt")
    (tmp_path / "status").write_text(STATUS)
    (tmp_path / "sent").write_bytes(packed(parts()))
    (tmp_path / "job" / "record.json").write_text(record_template(KEYS))
    provide(
        tmp_path,
        "vault",
        f"""echo "$@" >>{tmp_path}/asked
case "$1 $2" in
  "write -field=token") printf hvb.token;;
  "status -format=json") cat {tmp_path}/status;;
  "operator raft") [ "$(cat "$HOME/.vault-token")" = hvb.token ] && cp {tmp_path}/sent "$5";;
esac""",
    )
    provide(
        tmp_path,
        "rclone",
        f"""echo "$@" >>{tmp_path}/uploads
while [ "$1" != copyto ]; do shift; done
cp "$2" "{tmp_path}/store/${{3##*/}}\"""",
    )
    return tmp_path


def provide(place: Path, name: str, script: str) -> None:
    command = place / "bin" / name
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)


def run(place: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The script of the job in these folders, in place of those of its pod."""
    text = (SCRIPTS / script).read_text()
    for folder in ("snapshot", "job", "volume"):
        text = text.replace(f" /{folder}", f" {place}/{folder}").replace(f'"/{folder}', f'"{place}/{folder}')
    return subprocess.run(
        ["/bin/sh", "-c", text],
        env={
            "PATH": f"{place}/bin:{os.environ['PATH']}",
            "HOME": f"{place}/login",
            "VAULT_ADDR": "https://vault-active.vault.svc:8200",
            "AUTH_PATH": "kubernetes",
            "AUTH_ROLE": "vault-snapshot",
            "TOKEN_FILE": f"{place}/token",
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def taken(place: Path) -> Path:
    """The snapshot that the job has taken."""
    (snapshot,) = (place / "snapshot").glob("*.snap")
    return snapshot


def test_snapshot_and_record_are_what_restore_takes(place: Path) -> None:
    result = run(place, "take.sh")
    assert result.returncode == 0, result.stderr
    snapshot = taken(place)
    assert snapshot.name.startswith("vault-20")
    assert snapshot.name.endswith("Z-0a1b2c3d-42.snap")
    record = SnapshotRecord.from_json(Path(f"{snapshot}.json").read_text())
    archive = verified_archive(snapshot)
    assert (record.raft_index, record.sha256) == (archive.raft_index, archive.sha256)
    assert (record.cluster_id, record.vault_version) == (CLUSTER, "1.21.2")
    assert (record.deployment, record.seal_key) == (KEYS.deployment, KEYS.seal_key)
    assert (record.keys_fingerprint, record.keys_location) == (KEYS.fingerprint, KEYS.location)
    assert record.taken.endswith("+00:00")


def test_token_is_in_no_argument_and_gone_afterwards(place: Path) -> None:
    run(place, "take.sh")
    asked = (place / "asked").read_text()
    assert "hvb.token" not in asked
    assert "the.jwt" not in asked
    assert not (place / "login" / ".vault-token").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "No snapshot was taken"),
        (b"<html>no</html>", "No snapshot was taken"),
        (packed(parts())[:-10], "No snapshot was taken"),
        (packed(parts(state_bin=None)), "the archive has other parts"),
        (packed({**parts(), "state.bin": b"other"}), "the checksum of its state.bin"),
        (packed({**parts(), "more": b"other"}), "the archive has other parts"),
        (packed(parts(meta_json=b"{}")), "can't be read"),
    ],
    ids=["empty", "a page", "cut off", "without state", "other state", "one more", "without index"],
)
def test_what_is_no_whole_snapshot_is_refused(place: Path, content: bytes, said: str) -> None:
    (place / "sent").write_bytes(content)
    result = run(place, "take.sh")
    assert result.returncode != 0
    assert said in result.stderr
    assert list((place / "snapshot").glob("*.snap*")) == []


def test_vault_that_lets_nobody_in(place: Path) -> None:
    provide(place, "vault", "echo permission denied >&2; exit 2")
    result = run(place, "take.sh")
    assert result.returncode == 1
    assert "doesn't let the job log in by auth/kubernetes as role vault-snapshot" in result.stderr


def test_record_is_uploaded_after_the_snapshot(place: Path) -> None:
    run(place, "take.sh")
    result = run(place, "upload.sh", DESTINATION="acme/prod/")
    assert result.returncode == 0, result.stderr
    name = taken(place).name
    uploads = [line.split()[-1] for line in (place / "uploads").read_text().splitlines()]
    assert uploads == [f"store:acme/prod/{name}", f"store:acme/prod/{name}.json"]
    assert (place / "store" / name).read_bytes() == (place / "sent").read_bytes()


def test_upload_that_fails_leaves_no_record(place: Path) -> None:
    run(place, "take.sh")
    provide(place, "rclone", "exit 5")
    result = run(place, "upload.sh", DESTINATION="acme/prod/")
    assert result.returncode == 5
    assert list((place / "store").iterdir()) == []


def test_volume_keeps_the_newest(place: Path) -> None:
    volume = place / "volume"
    older = [f"vault-2026010{day}T000000Z-0a1b2c3d-{day}.snap" for day in (1, 2, 3)]
    for name in (*older, *(f"{name}.json" for name in older), "mine.snap", ".vault-x.part"):
        (volume / name).write_text("")
    run(place, "take.sh")
    result = run(place, "keep.sh", KEEP="2")
    assert result.returncode == 0, result.stderr
    new = taken(place).name
    assert {path.name for path in volume.iterdir()} == {
        *(older[2], f"{older[2]}.json"),
        *(new, f"{new}.json"),
        "mine.snap",
    }

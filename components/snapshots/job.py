"""Computes the CronJob that takes snapshots: pure functions of the settings.

Its first container, of Vault's own image, takes and verifies the snapshot; the second one keeps it, and has
nothing of Vault. Neither reads what is kept.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.settings import Settings
from components.settings.snapshots import BucketSettings, SnapshotSettings, VolumeSettings
from components.snapshots.record import SnapshotRecord
from components.vault.pod_values import RESTRICTED_CONTAINER, RESTRICTED_POD
from components.vault.ports import API_PORT
from components.vault.snapshot_access import AUDIENCE, access_name
from components.vault.tls_values import certificate_secret, server_names
from components.vault.traffic_policy import snapshot_labels

TAKING, KEEPING = "take", "keep"
"""Names of the containers."""
FOLDER, TOKENS, SCRIPTS, CA, VOLUME = "/snapshot", "/login", "/job", "/ca", "/volume"
LONGEST_SECONDS = 3600
"""How long one job may take."""
_TOKEN_SECONDS = 600

_PLACEHOLDERS: Mapping[str, str] = {
    "cluster_id": "@CLUSTER_ID@",
    "vault_version": "@VAULT_VERSION@",
    "taken": "@TAKEN@",
    "sha256": "@SHA256@",
}


@dataclass(frozen=True)
class RecordedKeys:
    """The keys that it takes to use a snapshot, as the stack knows them. Nothing of it is secret."""

    deployment: str
    seal_type: str
    seal_key: str
    fingerprint: str
    location: str
    version: str


def job_name(fullname: str) -> str:
    """Return the name of the CronJob, its service account, and what else belongs to it."""
    return f"{fullname}-snapshot"


def record_template(keys: RecordedKeys) -> str:
    """Return the record of a snapshot in which the job fills in what it alone knows."""
    record = SnapshotRecord(
        deployment=keys.deployment,
        raft_index=0,
        seal_type=keys.seal_type,
        seal_key=keys.seal_key,
        keys_fingerprint=keys.fingerprint,
        keys_location=keys.location,
        keys_version=keys.version,
        **_PLACEHOLDERS,
    )
    return record.to_json().replace('"raft_index": 0', '"raft_index": @RAFT_INDEX@')


def job_files(keys: RecordedKeys, snapshots: SnapshotSettings) -> Mapping[str, str]:
    """Return the files that the job needs, by their names."""
    keeping = "keep.sh" if isinstance(snapshots.store, VolumeSettings) else "upload.sh"
    folder = Path(__file__).parent
    scripts = {name: (folder / name).read_text(encoding="utf-8") for name in ("take.sh", keeping)}
    return {**scripts, "record.json": record_template(keys)}


def cron_job(
    settings: Settings,
    snapshots: SnapshotSettings,
    fullname: str,
    *,
    files_checksum: str,
) -> Mapping[str, Any]:
    """Return the specification of the CronJob.

    The checksum of its files makes a job of other files another one. While the seal is migrated none is
    taken: a snapshot belongs to one seal, and its record couldn't say to which.
    """
    return {
        "schedule": snapshots.schedule,
        # One that takes long is waited for, and not doubled.
        "concurrencyPolicy": "Forbid",
        # Left out else: whoever suspends it by hand owns the field, and another value would be a conflict.
        **({"suspend": True} if settings.migrate_from is not None else {}),
        "startingDeadlineSeconds": 600,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {
            "spec": {
                "backoffLimit": 2,
                "activeDeadlineSeconds": LONGEST_SECONDS,
                "template": {
                    "metadata": {
                        "labels": dict(snapshot_labels(settings.release_name)),
                        "annotations": {"vault-autounseal/job-checksum": files_checksum},
                    },
                    "spec": _pod(settings, snapshots, fullname),
                },
            }
        },
    }


def _pod(settings: Settings, snapshots: SnapshotSettings, fullname: str) -> Mapping[str, Any]:
    pods = settings.pods
    placement = {
        "nodeSelector": dict(pods.node_selector),
        "tolerations": [dict(toleration) for toleration in pods.tolerations],
        "priorityClassName": pods.priority_class_name,
        "imagePullSecrets": [{"name": name} for name in settings.image_pull_secrets],
    }
    return {
        "restartPolicy": "Never",
        "serviceAccountName": job_name(fullname),
        # Nothing of it talks with the Kubernetes API.
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": dict(RESTRICTED_POD),
        "initContainers": [_taking(settings, snapshots, fullname)],
        "containers": [_keeping(settings, snapshots.store)],
        "volumes": _volumes(settings, snapshots, fullname),
        **{name: value for name, value in placement.items() if value},
    }


def _taking(settings: Settings, snapshots: SnapshotSettings, fullname: str) -> Mapping[str, Any]:
    scheme, name = ("https" if settings.tls.enabled else "http"), server_names(settings, fullname).verified
    verifying = (
        {"VAULT_CACERT": f"{CA}/ca.crt", "VAULT_TLS_SERVER_NAME": name} if settings.tls.enabled else {}
    )
    mounts = [_mount("snapshot", FOLDER), _mount("login", TOKENS), _mount("job", SCRIPTS)]
    if settings.tls.enabled:
        mounts.append(_mount("ca", CA))
    return _container(
        TAKING,
        image=settings.image.name,
        pull_policy=settings.image.pull_policy,
        script="take.sh",
        environment={
            "VAULT_ADDR": f"{scheme}://{name}:{API_PORT}",
            **verifying,
            "AUTH_PATH": snapshots.auth_path,
            "AUTH_ROLE": access_name(fullname),
            "TOKEN_FILE": f"{TOKENS}-token/token",
            # There the command `vault` looks for its token.
            "HOME": TOKENS,
        },
        mounts=[*mounts, {**_mount("login-token", f"{TOKENS}-token"), "readOnly": True}],
    )


def _keeping(settings: Settings, store: BucketSettings | VolumeSettings) -> Mapping[str, Any]:
    mounts = [_mount("snapshot", FOLDER), _mount("job", SCRIPTS)]
    if isinstance(store, VolumeSettings):
        return _container(
            KEEPING,
            image=settings.image.name,
            pull_policy=settings.image.pull_policy,
            script="keep.sh",
            environment={"KEEP": str(store.keep_count)},
            mounts=[*mounts, _mount("kept", VOLUME)],
        )
    return _container(
        KEEPING,
        image=store.image,
        pull_policy="IfNotPresent",
        script="upload.sh",
        environment={"DESTINATION": f"{store.name}/{store.prefix}", **remote(store)},
        mounts=mounts,
    )


def remote(store: BucketSettings) -> Mapping[str, str]:
    """Return rclone's variables of its remote `store`.

    An identity that only writes is refused what rclone would look at: the bucket, what is there before, and
    what is there afterwards. Source: the pages "Amazon S3" and "Google Cloud Storage" of rclone.org.
    """
    options = {"env_auth": "true", "no_check_bucket": "true"}
    if store.cloud == "aws":
        options |= {
            "type": "s3",
            "provider": "AWS",
            "region": store.region,
            "no_head": "true",
            "no_head_object": "true",
        }
        if store.kms_key:
            options |= {"server_side_encryption": "aws:kms", "sse_kms_key_id": store.kms_key}
    else:
        options |= {"type": "google cloud storage", "bucket_policy_only": "true"}
    return {f"RCLONE_CONFIG_STORE_{name.upper()}": value for name, value in sorted(options.items())}


def _mount(volume: str, path: str) -> Mapping[str, Any]:
    return {"name": volume, "mountPath": path}


def _container(
    name: str,
    *,
    image: str,
    pull_policy: str,
    script: str,
    environment: Mapping[str, str],
    mounts: Sequence[Mapping[str, Any]],
) -> Mapping[str, Any]:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": pull_policy,
        "command": ["/bin/sh", f"{SCRIPTS}/{script}"],
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "volumeMounts": list(mounts),
        "securityContext": {**RESTRICTED_CONTAINER, "readOnlyRootFilesystem": True},
        # What it takes is small, as data stream through; none would be evicted first.
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
    }


def _volumes(settings: Settings, snapshots: SnapshotSettings, fullname: str) -> Sequence[Mapping[str, Any]]:
    token = {"audience": AUDIENCE, "expirationSeconds": _TOKEN_SECONDS, "path": "token"}
    volumes: list[Mapping[str, Any]] = [
        {"name": "snapshot", "emptyDir": {}},
        {"name": "login", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "login-token", "projected": {"sources": [{"serviceAccountToken": token}]}},
        {"name": "job", "configMap": {"name": job_name(fullname)}},
    ]
    if settings.tls.enabled:
        # As Vault's own pods have it, so that it is never an older one; the key isn't mounted.
        secret = certificate_secret(settings, fullname)
        items = [{"key": "ca.crt", "path": "ca.crt"}]
        volumes.append({"name": "ca", "secret": {"secretName": secret, "items": items}})
    if isinstance(snapshots.store, VolumeSettings):
        claim = snapshots.store.claim or claim_name(fullname)
        volumes.append({"name": "kept", "persistentVolumeClaim": {"claimName": claim}})
    return volumes


def claim_name(fullname: str) -> str:
    """Return the name of the PersistentVolumeClaim that the stack creates."""
    return f"{fullname}-snapshots"


def specification_text(specification: Any) -> str:
    """Return a specification as a text that is the same for the same one."""
    return json.dumps(specification, sort_keys=True)

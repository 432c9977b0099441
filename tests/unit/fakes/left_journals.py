"""A cluster with a Vault to be initialised, and journals of it that other runs have left."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from components.custody.key_record import KeyRecord
from components.journal.encryption import StackKeyCipher
from components.journal.entry import JournalEntry
from components.journal.journal import InitJournal
from components.kubernetes.kubectl import KubernetesTarget
from components.kubernetes.lease import RunIdentity
from tests.unit.fakes.kubectl_in_process import provide_objects
from tests.unit.fakes.kubernetes_objects import KubernetesObjects

DEPLOYMENT = "cluster-uid/secrets/vault"
SECRET = "vault-operator-init"
CIPHER = StackKeyCipher(base64.b64encode(bytes(32)).decode())
OTHER_CIPHER = StackKeyCipher(base64.b64encode(bytes(range(32))).decode())
RECORD = KeyRecord(
    deployment=DEPLOYMENT,
    seal_type="awskms",
    seal_key="arn:aws:kms:eu-central-1:111122223333:key/1",
    threshold=2,
    root_token="hvs.the-root-token",
    recovery_shares=("c2hhcmUtMQ==", "c2hhcmUtMg=="),
)
UNREACHABLE = "The connection to the server localhost:6443 was refused"


def cluster_with_vault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    """A cluster with pod 0 and its volume; Pulumi's home is the test's own."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    objects = KubernetesObjects(tmp_path / "cluster")
    provide_objects(monkeypatch, objects)
    volumes = [
        {"name": "config", "configMap": {"name": "vault-config"}},
        {"name": "audit", "persistentVolumeClaim": {"claimName": "audit-vault-0"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-vault-0"}},
    ]
    objects.put("pod", "vault-0", spec={"volumes": volumes})
    objects.put("pvc", "audit-vault-0", metadata={"uid": "of the audit log"})
    objects.put("pvc", "data-vault-0", metadata={"uid": "of the data"})
    return objects


def journal(deployment: str = DEPLOYMENT) -> InitJournal:
    target = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")
    return InitJournal(target, "vault", deployment)


def file(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "home" / "vault-autounseal").glob("*.json")
    return path


def entry_in(cluster: KubernetesObjects) -> JournalEntry:
    secret = cluster.get("secret", SECRET)
    assert secret is not None
    return JournalEntry.from_json(base64.b64decode(secret["data"]["journal"]).decode())


Change = Callable[[JournalEntry], JournalEntry]


def rewrite(cluster: KubernetesObjects, tmp_path: Path, change: Change) -> None:
    """Changes what lies in both places, as if another run had left it."""
    changed = change(entry_in(cluster)).to_json()
    cluster.put("secret", SECRET, data={"journal": base64.b64encode(changed.encode()).decode()})
    file(tmp_path).write_text(changed)


def of_ended_run(entry: JournalEntry) -> JournalEntry:
    """As a run leaves it that was killed, or ended with an error."""
    return replace(entry, run=RunIdentity("ended", "build-7"))


def of_earlier_version(entry: JournalEntry, age: timedelta = timedelta()) -> JournalEntry:
    """As a run of a version leaves it that took no lease, on another machine."""
    began = (datetime.fromisoformat(entry.began) - age).isoformat()
    return replace(entry, run=RunIdentity("other", "build-7"), began=began, leased=False)


def file_name(deployment: str) -> str:
    return f"{hashlib.sha256(deployment.encode()).hexdigest()}.json"

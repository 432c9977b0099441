"""Inputs of the init's resource, and the cluster in which its journal lies."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from components.journal.encryption import StackKeyCipher
from components.journal.entry import JournalEntry
from components.journal.journal import InitJournal
from components.kubernetes.kubectl import OWNER, OWNER_LABEL, Kubectl, KubectlError, KubernetesTarget
from components.vault.pod_access import PodAccess
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.kubectl_in_process import answer_in_process
from tests.unit.fakes.kubernetes_objects import KubernetesObjects
from tests.unit.fakes.scripted_vault import ROOT_TOKEN

CLUSTER_UID = "0b7e6f2c-uid"
TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")
DEPLOYMENT = f"{CLUSTER_UID}/secrets/vault"
JOURNAL_KEY = base64.b64encode(bytes(range(32))).decode()
CIPHER = StackKeyCipher(JOURNAL_KEY)
SECRET = "vault-operator-init"
NOWHERE = "http://127.0.0.1:9"
_RUN = Kubectl.run


def access(address: str = NOWHERE) -> PodAccess:
    return PodAccess(target=TARGET, statefulset="vault", address=address)


def init_inputs(address: str = NOWHERE, **changed: Any) -> dict[str, Any]:
    """What the engine hands to the resource, for three replicas with the keys in the state."""
    return {
        "access": access(address).to_properties(),
        "cluster_uid": CLUSTER_UID,
        "seal_type": "awskms",
        "migrate_from": "",
        "seal_key": "arn:aws:kms:eu-central-1:123456789012:key/1",
        "shares": 5,
        "threshold": 3,
        "pgp_keys": [],
        "root_token_pgp_key": "",
        "adopt": False,
        "adopted_keys_file": "",
        "custody": {},
        "preflight": {},
        "journal_key": JOURNAL_KEY,
        "preflight_seconds": 0.5,
        "pod_start_seconds": 0.5,
        **changed,
    }


def quorum_inputs(address: str = NOWHERE, **changed: Any) -> dict[str, Any]:
    """What the engine hands to the quorum, for three servers with the keys in the state."""
    return {
        "access": access(address).to_properties(),
        "deployment": DEPLOYMENT,
        "storage": "raft",
        "replicas": 3,
        "token": ROOT_TOKEN,
        "token_needed": True,
        "custody": {},
        "keys_fingerprint": "sha256:0",
        "release_revision": 1,
        "running": "1",
        "quorum_seconds": 0.3,
        **changed,
    }


def journal() -> InitJournal:
    """The journal of the Vault that :func:`init_inputs` names."""
    return InitJournal(TARGET, "vault", DEPLOYMENT)


class InitCluster:
    """A StatefulSet with its pods and volumes, and the journal's Secret, with kubectl's answers about them.

    At first it has pod 0 alone. A deleted pod comes back from the present template, as the StatefulSet's
    controller makes it. Deleting anything else is refused: the program deletes no volume.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.objects = KubernetesObjects(folder / "objects")
        self.deleted_pods: list[str] = []
        self._log = ""
        self._log_error = ""
        self.set_template("new")
        self.add_server("vault-0")
        self.objects.put("pvc", "data-vault-0", metadata={"uid": "of the data"})

    def set_template(self, revision: str, *, generation: int = 1, observed: int = 1) -> None:
        """Sets the revision that the StatefulSet's pods are to have."""
        status = {"updateRevision": revision, "observedGeneration": observed}
        self.objects.put(
            "statefulset",
            "vault",
            metadata={"generation": generation},
            spec={"replicas": 1},
            status=status,
        )

    def add_server(self, name: str, *, revision: str = "new", claim_since: str | None = None) -> None:
        """Adds a pod of that revision, and its claim; the latter is as old as given, in ISO format."""
        volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": f"data-{name}"}}]
        labels = {"controller-revision-hash": revision}
        self.objects.put("pod", name, metadata={"labels": labels}, spec={"volumes": volumes})
        since = {"creationTimestamp": claim_since} if claim_since is not None else {}
        self.objects.put("pvc", f"data-{name}", metadata=since, status={"phase": "Bound"})

    def logs(self, *lines: str) -> None:
        """Sets what pod 0 has written."""
        self._log = "".join(f"{line}\n" for line in lines)

    def fail_logs(self, message: str) -> None:
        """Lets the log be refused."""
        self._log_error = message

    def run(self, arguments: Sequence[str], stdin: str | None) -> str:
        """What kubectl prints; raises :class:`KubectlError` as kubectl fails."""
        if arguments[0] == "logs":
            if self._log_error:
                raise KubectlError(self._log_error)
            return self._log
        said = answer_in_process(self.objects, arguments, stdin)
        evicted = arguments[0] == "create" and arguments[-2].endswith("/eviction")
        if evicted or (arguments[0] == "delete" and "/pods/" in arguments[2]):
            name = arguments[2].removesuffix("/eviction").rpartition("/")[2]
            self.deleted_pods.append(name)
            stateful_set = self.objects.get("statefulset", "vault") or {}
            self.add_server(name, revision=stateful_set["status"]["updateRevision"])
        return said

    @property
    def journal_entry(self) -> JournalEntry | None:
        """What lies in the journal's Secret."""
        secret = self.objects.get("secret", SECRET)
        if secret is None:
            return None
        return JournalEntry.from_json(base64.b64decode(secret["data"]["journal"]).decode())

    def rewrite_journal(self, entry: JournalEntry) -> None:
        """Puts an entry into both places, as another run left it there."""
        text = entry.to_json()
        self.objects.put("secret", SECRET, data={"journal": base64.b64encode(text.encode()).decode()})
        (path,) = self.journal_files
        path.write_text(text)

    def take_lease(self) -> None:
        """Has another run take the lease, which its holder slept through."""
        self.objects.put(
            "lease",
            SECRET,
            metadata={"labels": {OWNER_LABEL: OWNER}},
            spec={"holderIdentity": "build-7_other", "leaseDurationSeconds": 15},
        )

    @property
    def journal_files(self) -> list[Path]:
        """The journal's files on this machine."""
        return sorted((self.folder / "home" / "vault-autounseal").glob("*.json"))


def provide_cluster(monkeypatch: pytest.MonkeyPatch, folder: Path) -> InitCluster:
    """Has the program ask this cluster, in this process, as starting commands takes long.

    Pulumi's home is the test's own.
    """
    cluster = InitCluster(folder)

    def run(
        _kubectl: Kubectl, arguments: Sequence[str], *, stdin: str | None = None, timeout_seconds: float = 30
    ) -> str:
        assert timeout_seconds > 0
        return cluster.run(arguments, stdin)

    monkeypatch.setenv("PULUMI_HOME", str(folder / "home"))
    monkeypatch.setattr(Kubectl, "run", run)
    return cluster


def provide_kubectl(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Has the program run a kubectl after all, which is the script."""
    monkeypatch.setattr(Kubectl, "run", _RUN)
    only_commands(monkeypatch, folder / "commands", kubectl=script)

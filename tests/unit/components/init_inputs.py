"""Inputs of the init's resource, and the cluster in which its journal lies."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from components.init_journal import InitJournal
from components.journal_cipher import StackKeyCipher
from components.journal_entry import JournalEntry
from components.kubectl import KubernetesTarget
from components.pod_access import PodAccess
from tests.unit.commands_on_path import only_commands
from tests.unit.components.kubernetes_objects import KubernetesObjects

CLUSTER_UID = "0b7e6f2c-uid"
TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")
DEPLOYMENT = f"{CLUSTER_UID}/secrets/vault"
JOURNAL_KEY = base64.b64encode(bytes(range(32))).decode()
CIPHER = StackKeyCipher(JOURNAL_KEY)
SECRET = "vault-operator-init"
NOWHERE = "http://127.0.0.1:9"


def access(address: str = NOWHERE) -> PodAccess:
    return PodAccess(target=TARGET, statefulset="vault", address=address)


def init_inputs(address: str = NOWHERE, **changed: Any) -> dict[str, Any]:
    """What the engine hands to the resource, for three replicas with the keys in the state."""
    return {
        "access": access(address).to_properties(),
        "cluster_uid": CLUSTER_UID,
        "seal_type": "awskms",
        "seal_key": "arn:aws:kms:eu-central-1:123456789012:key/1",
        "shares": 5,
        "threshold": 3,
        "pgp_keys": [],
        "root_token_pgp_key": "",
        "adopt": False,
        "adopted_keys_file": "",
        "wipe": False,
        "replicas": 3,
        "custody": {},
        "preflight": {},
        "journal_key": JOURNAL_KEY,
        "preflight_seconds": 0.5,
        "pod_start_seconds": 0.5,
        **changed,
    }


def journal() -> InitJournal:
    """The journal of the Vault that :func:`init_inputs` names."""
    return InitJournal(TARGET, "vault", DEPLOYMENT)


class InitCluster:
    """Pods, volumes and the journal's Secret behind a kubectl on PATH.

    Deleting a claim gives the next one another uid, as the StatefulSet's controller does.
    """

    def __init__(self, folder: Path) -> None:
        self.objects = KubernetesObjects(folder / "objects")
        self.folder = folder
        self._log = folder / "log"
        self._log.write_text("")
        self._refusal = folder / "refusal"
        self._deletions = folder / "deletions"
        volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data-vault-0"}}]
        self.objects.put("pod", "vault-0", spec={"volumes": volumes})
        self.objects.put("pvc", "data-vault-0", metadata={"uid": "of the data"})

    @property
    def script(self) -> str:
        """What the kubectl on PATH has to run."""
        claim = json.dumps({"metadata": {"name": "data-vault-0", "uid": "of the next data"}})
        return (
            'case " $* " in\n'
            f"*' logs '*) [ -s '{self._refusal}' ] && {{ /bin/cat '{self._refusal}' >&2; exit 1; }}\n"
            f"  exec /bin/cat '{self._log}';;\n"
            f"*' delete pvc/'*) echo \"$*\" >> '{self._deletions}'\n"
            f"  echo '{claim}' > '{self.folder}/objects/pvc.data-vault-0'; exit 0;;\n"
            f"*' delete pod/'*) echo \"$*\" >> '{self._deletions}'; exit 0;;\n"
            f"esac\n{self.objects.script}"
        )

    def logs(self, *lines: str) -> None:
        """Sets what pod 0 has written."""
        self._log.write_text("".join(f"{line}\n" for line in lines))

    def fail_logs(self, message: str) -> None:
        """Lets the log be refused."""
        self._refusal.write_text(message)

    @property
    def deletions(self) -> list[str]:
        """The arguments of each deletion of claims or pods, without the way to the cluster."""
        lines = self._deletions.read_text().splitlines() if self._deletions.exists() else []
        return [line.partition("--namespace=secrets ")[2] for line in lines]

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

    @property
    def journal_files(self) -> list[Path]:
        """The journal's files on this machine."""
        return sorted((self.folder / "home" / "vault-autounseal").glob("*.json"))


def provide_cluster(monkeypatch: pytest.MonkeyPatch, folder: Path) -> InitCluster:
    """Puts the kubectl on PATH, alone; Pulumi's home is the test's own."""
    cluster = InitCluster(folder)
    monkeypatch.setenv("PULUMI_HOME", str(folder / "home"))
    only_commands(monkeypatch, folder / "commands", kubectl=cluster.script)
    return cluster

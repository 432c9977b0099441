"""Stores the journal of an init in two places: a Secret beside Vault, and a file on this machine."""

import base64
import binascii
import contextlib
import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.journal.encryption import JournalError
from components.journal.entry import JournalEntry
from components.kubernetes.kubectl import OWNER, OWNER_LABEL, Kubectl, KubernetesTarget

_FIELD = "journal"


@dataclass(frozen=True)
class SeenSecret:
    """The Secret as it was read; only this version of it is replaced or deleted."""

    entry: JournalEntry
    uid: str
    resource_version: str


class JournalSecret:
    """The copy that every run on any machine sees; creating it takes the lock.

    Every method raises :class:`KubectlError` as kubectl does.
    """

    def __init__(self, target: KubernetesTarget, statefulset: str, deployment: str) -> None:
        self._kubectl = Kubectl(target)
        self._namespace = target.namespace
        self._name = f"{statefulset}-operator-init"
        self._deployment = deployment

    @property
    def location(self) -> str:
        """The Secret's namespace and name, for messages."""
        return f"Secret {self._namespace}/{self._name}"

    def read(self) -> SeenSecret | None:
        """Return the Secret; raise :class:`JournalError` if it isn't this Vault's journal."""
        secret = self._kubectl.get("secret", self._name)
        if secret is None:
            return None
        metadata = secret["metadata"]
        if (metadata.get("labels") or {}).get(OWNER_LABEL) != OWNER:
            raise JournalError(
                f"{self.location} belongs to somebody else (it has no label {OWNER_LABEL}={OWNER}); "
                "give it another name"
            )
        entry = JournalEntry.from_json(_text((secret.get("data") or {}).get(_FIELD, "")))
        if entry.deployment != self._deployment:
            raise JournalError(
                f"{self.location} is the journal of {entry.deployment}, and this is {self._deployment}; "
                "check where it came from before it is deleted"
            )
        return SeenSecret(entry, str(metadata["uid"]), str(metadata["resourceVersion"]))

    def create(self, entry: JournalEntry) -> None:
        """Create the Secret; fails with the reason ``AlreadyExists`` if another run was first."""
        self._kubectl.create(self._document(entry, {}))

    def replace(self, entry: JournalEntry, seen: SeenSecret) -> None:
        """Replace the Secret; fails with the reason ``Conflict`` or ``NotFound`` if it has changed."""
        identity = {"uid": seen.uid, "resourceVersion": seen.resource_version}
        self._kubectl.replace(self._document(entry, identity))

    def delete(self, seen: SeenSecret) -> None:
        """Delete the Secret; fails with the reason ``Conflict`` or ``NotFound`` if it has changed."""
        self._kubectl.delete_secret(self._name, uid=seen.uid, resource_version=seen.resource_version)

    def _document(self, entry: JournalEntry, identity: Mapping[str, str]) -> Mapping[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": self._name, "labels": {OWNER_LABEL: OWNER}, **identity},
            "type": "Opaque",
            "data": {_FIELD: base64.b64encode(entry.to_json().encode()).decode()},
        }


class JournalFile:
    """The copy that needs no network. Every method raises the file system's OSError."""

    def __init__(self, deployment: str) -> None:
        home = os.environ.get("PULUMI_HOME") or "~/.pulumi"
        digest = hashlib.sha256(deployment.encode()).hexdigest()
        self.path = Path(home).expanduser() / "vault-autounseal" / f"{digest}.json"
        self._deployment = deployment

    def read(self) -> JournalEntry | None:
        """Return the entry; raise :class:`JournalError` if the file isn't this Vault's journal."""
        try:
            entry = JournalEntry.from_json(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise JournalError(f"{self.path} isn't a text") from None
        if entry.deployment != self._deployment:
            raise JournalError(f"{self.path} is the journal of {entry.deployment}")
        return entry

    def write(self, entry: JournalEntry) -> None:
        """Replace the file as a whole, and return once it is on the disk."""
        _write_synced(self.path, entry.to_json())

    def set_aside(self, entry: JournalEntry) -> Path:
        """Keep an earlier entry in another file, and return its path."""
        path = self.path.with_name(f"{self.path.stem}.{entry.run.run_id}.json")
        _write_synced(path, entry.to_json())
        return path

    def delete(self) -> None:
        """Overwrite and delete the file; do nothing if it doesn't exist."""
        try:
            with self.path.open("r+b") as file:
                file.write(bytes(self.path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            self.path.unlink()
        except FileNotFoundError:
            return
        _sync_folder(self.path.parent)


def _write_synced(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The folder may have been created earlier, with another mode.
    path.parent.chmod(0o700)
    # mkstemp creates the file with mode 0600.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".new")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a renaming or removal in the folder durable; Windows has no such call and needs none."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _text(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""

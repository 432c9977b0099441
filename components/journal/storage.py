"""Stores the journal of an init in two places: a Secret beside Vault, and a file on this machine."""

import hashlib
import os
from pathlib import Path

from components.journal.encryption import JournalError
from components.journal.entry import JournalEntry
from components.kubernetes.kubectl import KubernetesTarget
from components.kubernetes.owned_object import OwnedSecret, SeenObject
from components.private_file import create_folder, delete_file, delete_leftovers, replace_file, sync_folder

_FIELD = "journal"


class JournalSecret:
    """The copy that every run on any machine sees.

    Every method raises :class:`KubectlError` as kubectl does, and :class:`ForeignObjectError`.
    """

    def __init__(self, target: KubernetesTarget, statefulset: str, deployment: str) -> None:
        self._secret = OwnedSecret(target, f"{statefulset}-operator-init", _FIELD)
        self._deployment = deployment

    @property
    def location(self) -> str:
        """The Secret's namespace and name, for messages."""
        return self._secret.location

    def look(self) -> SeenObject | None:
        """Return the Secret, whatever is in it; None if there is none."""
        return self._secret.read()

    def entry(self, seen: SeenObject | None) -> JournalEntry | None:
        """Return the entry in it; raise :class:`JournalError` if it isn't this Vault's journal."""
        if seen is None:
            return None
        entry = JournalEntry.from_json(seen.secret_text(_FIELD) or "")
        if entry.deployment != self._deployment:
            raise JournalError(
                f"it is the journal of {entry.deployment}, and this is {self._deployment}; check where it "
                "came from before it is deleted"
            )
        return entry

    def write(self, entry: JournalEntry, seen: SeenObject | None) -> None:
        """Create the Secret or replace what was seen; see :class:`OwnedObject` if it has changed."""
        self._secret.write(entry.to_json(), seen)

    def delete(self, seen: SeenObject) -> None:
        """Delete the Secret; fails with the reason ``Conflict`` or ``NotFound`` if it has changed."""
        self._secret.delete(seen)


class JournalFile:
    """The copy that needs no network. Every method raises the file system's OSError."""

    def __init__(self, deployment: str) -> None:
        digest = hashlib.sha256(deployment.encode()).hexdigest()
        self.path = _pulumi_home() / "vault-autounseal" / f"{digest}.json"
        self._deployment = deployment

    def read(self) -> JournalEntry | None:
        """Return the entry; raise :class:`JournalError` if the file isn't this Vault's journal."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise JournalError("it isn't a text") from None
        entry = JournalEntry.from_json(text)
        if entry.deployment != self._deployment:
            raise JournalError(f"it is the journal of {entry.deployment}")
        return entry

    def write(self, entry: JournalEntry) -> None:
        """Replace the file as a whole, and return once it is on the disk."""
        self._write(self.path, entry.to_json())

    def set_aside(self, name: str, text: str) -> Path:
        """Keep what lay in a place of the journal in another file, and return its path."""
        path = self.path.with_name(f"{self.path.stem}.{name}.json")
        self._write(path, text)
        return path

    def set_aside_unreadable(self, name: str) -> Path:
        """Rename the file, whatever is in it, and return its new path."""
        path = self.path.with_name(f"{self.path.stem}.{name}.json")
        self.path.replace(path)
        sync_folder(path.parent)
        return path

    def delete(self) -> None:
        """Delete the file, and what killed runs left of writing it; do nothing if there is neither."""
        delete_file(self.path)
        delete_leftovers(self.path)

    def _write(self, path: Path, text: str) -> None:
        folder = path.parent
        create_folder(folder)
        # It may have been created earlier, with another mode.
        folder.chmod(0o700)
        replace_file(path, text.encode())


def _pulumi_home() -> Path:
    """Return Pulumi's folder; raise :class:`JournalError` if this user has no home."""
    try:
        return Path(os.environ.get("PULUMI_HOME") or "~/.pulumi").expanduser()
    except RuntimeError:
        raise JournalError(
            "This user has no home folder, in which the journal of the init would lie: set PULUMI_HOME to a "
            "folder that lasts, and run pulumi up again"
        ) from None

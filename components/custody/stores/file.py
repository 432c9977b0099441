"""Stores keys in a file of this machine, for the sandbox and trials: they are as safe as the disk.

A file has no permission but its owner's, is lost with the machine and copied by every backup of it. For a
Vault that matters, choose a store with access control.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from components.config.reader import ConfigReader
from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyReference, KeyStore, KeyStoreError, stored_record
from components.kubernetes.kubectl import KubernetesTarget
from components.private_file import create_folder, delete_file, delete_leftovers, replace_file

PROGRAM_FOLDER = Path(__file__).resolve().parents[3]
_OTHERS = 0o077
_PROBE = b"A trial of vault-autounseal: written, read and deleted before the init.\n"


@dataclass(frozen=True)
class Store(KeyStore):
    """A file of mode 0600, in a folder of mode 0700, outside every repository."""

    path: str
    """Absolute."""

    @classmethod
    def from_settings(cls, reader: ConfigReader) -> Self:
        """Read `custody.path`."""
        key = "path"
        path = reader.required_text(
            key, r"/(.*[^/])", "give the absolute path of a file that is to be made, outside any repository"
        )
        if path:
            repository = _repository_around(Path(path))
            if repository is not None:
                reader.report(
                    key,
                    f"it is within {repository}, from where keys get into commits; name a path outside of it",
                )
        return cls(path=path)

    @property
    def location(self) -> str:
        """The file's path."""
        return f"file {self.path}"

    def probe(self, target: KubernetesTarget) -> None:  # noqa: ARG002 - nothing of the cluster is needed
        """Write a file beside the record's, read it back and delete it; see :class:`KeyStore`."""
        path = Path(self.path)
        probe = path.with_name(f"{path.name}.probe")
        with _reporting(f"try out {probe}"), _private_folder(path.parent):
            delete_leftovers(path)
            replace_file(probe, _PROBE)
            try:
                if _read(probe) != _PROBE:
                    raise KeyStoreError(f"File {probe} holds something else than what was written into it.")
            finally:
                delete_file(probe)

    def read(self, target: KubernetesTarget) -> KeyRecord | None:  # noqa: ARG002
        """Return the record in the file; refuse a file that others may read. See :class:`KeyStore`."""
        with _reporting(f"read {self.path}"):
            try:
                content = _read(Path(self.path))
            except FileNotFoundError:
                return None
        return stored_record(content.decode(errors="replace"), self.location)

    def write(self, record: KeyRecord, target: KubernetesTarget) -> KeyReference:  # noqa: ARG002
        """Replace the file in one step, synced to disk. See :class:`KeyStore`."""
        path = Path(self.path)
        with _reporting(f"write {path}"), _private_folder(path.parent):
            delete_leftovers(path)
            replace_file(path, record.to_json().encode())
        return KeyReference(location=self.location, version="")


def _repository_around(path: Path) -> Path | None:
    """Return the program's folder or git repository that contains ``path``, links followed; None if none."""
    folders = path.resolve().parents
    if PROGRAM_FOLDER in folders:
        return PROGRAM_FOLDER
    return next((folder for folder in folders if (folder / ".git").exists()), None)


@contextlib.contextmanager
def _reporting(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KeyStoreError(f"Can't {what}: {error.strerror}. Fix it, or choose another path.") from None


@contextlib.contextmanager
def _private_folder(folder: Path) -> Iterator[None]:
    """Lock the folder against other runs; it is created if missing, and refused if others may enter it."""
    create_folder(folder)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or status.st_mode & _OTHERS:
            raise KeyStoreError(
                f"Folder {folder} (mode {stat.S_IMODE(status.st_mode):04o}) is open to others than you. "
                f"Name a path in a folder of its own, which is then made, or close it: chmod 700 {folder}"
            )
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    # Without O_NONBLOCK opening a named pipe would block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyStoreError(f"{path} isn't a regular file; name another path.")
        if status.st_uid != os.geteuid() or status.st_mode & _OTHERS:
            raise KeyStoreError(
                f"File {path} (mode {stat.S_IMODE(status.st_mode):04o}) is open to others than you, so the "
                "keys in it may be known to them. Find out who could read it, rotate what they may know, and "
                f"close it: chmod 600 {path}"
            )
        return file.read()

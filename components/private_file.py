"""Writes files that only their owner may read, and that are on the disk when a call returns."""

import contextlib
import glob
import os
import tempfile
from pathlib import Path

_FOLDER_MODE = 0o700


def create_folder(folder: Path) -> None:
    """Create the folder and its missing parents with mode 0700, durably; an existing one stays as it is."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        sync_folder(parent.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Write the file with mode 0600, as a whole or not at all."""
    # mkstemp creates the file with mode 0600. The name is random: two runs never write the same file.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def delete_leftovers(path: Path) -> None:
    """Delete what killed runs left of writing the file; not while another run may be writing it."""
    # A version before 0.1.0 left `.<name>.new`.
    leftovers = list(path.parent.glob(f".{glob.escape(path.name)}.*new"))
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    if leftovers:
        sync_folder(path.parent)


def delete_file(path: Path) -> None:
    """Delete the file; do nothing if it doesn't exist."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a renaming or removal in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

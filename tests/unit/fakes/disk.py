"""A disk that records what is synced to it, and the renamings and removals between."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class RecordedDisk:
    """The events in their order; a file is named by its size, a folder by its path."""

    events: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    """What each synced file held at that moment."""


def record_disk(monkeypatch: pytest.MonkeyPatch) -> RecordedDisk:
    """Record every fsync, renaming and removal from now on; they happen all the same."""
    disk = RecordedDisk()
    sync, rename, remove = os.fsync, Path.replace, Path.unlink

    def record_sync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}")
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            disk.events.append(f"synced {path.readlink()}")
        else:
            disk.contents.append(path.read_bytes())
            disk.events.append(f"synced {len(disk.contents[-1])} bytes")
        sync(descriptor)

    def record_rename(path: Path, target: Any) -> Path:
        disk.events.append("renamed")
        return rename(path, target)

    def record_removal(path: Path, missing_ok: bool = False) -> None:
        if path.exists():
            disk.events.append("removed")
        remove(path, missing_ok)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(Path, "replace", record_rename)
    monkeypatch.setattr(Path, "unlink", record_removal)
    return disk

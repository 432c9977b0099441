"""Identifies the process that holds the journal, so that a later run can tell whether it is alive."""

import os
import platform
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.kubernetes.process_group import environment_without_settings

OTHER_HOST_SECONDS = 15 * 60
"""How long a run on another machine counts as alive, as that can't be checked from here."""
ORPHAN_SECONDS = 150
"""How long a run whose engine has died counts as alive: an init under way may still be answered.

The host of Python's dynamic providers outlives an engine that is killed, and then waits forever
(pulumi/dynamic/__main__.py).
"""
_ENGINE = "pulumi"
_PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessIdentity:
    """One process; its number alone may be reused later."""

    pid: int
    started: str
    """Its start time, as the operating system reports it."""

    @property
    def runs(self) -> bool:
        """Whether the process still exists."""
        found = _look_up(self.pid)
        return found is not None and found.started == self.started


@dataclass(frozen=True)
class LockHolder:
    """One run of the program's dynamic providers."""

    run_id: str
    host: str
    """Name of the machine, for messages."""
    system: str
    """Identifies one boot of one machine, and one set of process numbers in it."""
    process: ProcessIdentity
    engine: ProcessIdentity | None
    """Pulumi's engine among the process's ancestors; None if there is none."""

    @property
    def description(self) -> str:
        """The run's machine and process, for messages."""
        return f"process {self.process.pid} on {self.host}"

    @staticmethod
    def current() -> "LockHolder":
        """Return a new run of this process."""
        own = _look_up(os.getpid())
        return LockHolder(
            run_id=str(uuid.uuid4()),
            host=platform.node(),
            system=_system(),
            process=ProcessIdentity(os.getpid(), own.started if own else ""),
            engine=_engine_above(own),
        )

    @property
    def is_this_process(self) -> bool:
        """Whether the run is, or was, one of this very process."""
        return self.system == _system() and self.process.pid == os.getpid() and self.process.runs

    def may_be_alive(self, age_seconds: float) -> bool:
        """Return whether the run may still change something, ``age_seconds`` after it began."""
        if self.system != _system() or not self.process.started:
            return age_seconds < OTHER_HOST_SECONDS
        if not self.process.runs:
            return False
        orphaned = self.engine is not None and not self.engine.runs
        return not orphaned or age_seconds < ORPHAN_SECONDS

    @staticmethod
    def from_properties(properties: Mapping[str, Any]) -> "LockHolder":
        """Return the run in a journal; raise KeyError, TypeError or ValueError if it is something else."""
        engine = properties["engine"]
        return LockHolder(
            run_id=str(properties["run_id"]),
            host=str(properties["host"]),
            system=str(properties["system"]),
            process=_process(properties["process"]),
            engine=None if engine is None else _process(engine),
        )


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    started: str
    name: str


def _process(properties: Mapping[str, Any]) -> ProcessIdentity:
    return ProcessIdentity(int(properties["pid"]), str(properties["started"]))


def _system() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _engine_above(process: _Process | None) -> ProcessIdentity | None:
    while process is not None and process.parent > 1:
        process = _look_up(process.parent)
        if process is not None and Path(process.name).name == _ENGINE:
            return ProcessIdentity(process.pid, process.started)
    return None


def _look_up(pid: int) -> _Process | None:
    """Return the process with that number; None if it is gone or the system doesn't say."""
    if not (_PROC / "self/stat").exists():
        return _look_up_with_ps(pid)
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    # Reading fails with ESRCH if the process ends meanwhile.
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name is in parentheses and may itself contain some. Source: proc(5), /proc/pid/stat.
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    if fields[0] in ("Z", "X"):
        return None
    return _Process(pid, int(fields[1]), fields[19], head.partition("(")[2])


def _look_up_with_ps(pid: int) -> _Process | None:
    command = ["ps", "-o", "state=,ppid=,lstart=,comm=", "-p", str(pid)]
    try:
        fields = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment_without_settings()
        ).stdout.split(None, 7)
    except (OSError, subprocess.CalledProcessError):
        return None
    if len(fields) < 8 or fields[0].startswith("Z"):
        return None
    return _Process(pid, int(fields[1]), " ".join(fields[2:7]), fields[7].strip())

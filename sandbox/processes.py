"""Long-running processes of the sandbox: started detached, remembered on disk, ended by id only.

A record holds the process id together with the kernel's start time of that process and the id of
the machine's boot. Ids are used again; the three together are not, so a stale record can never
make the sandbox end somebody else's process.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from sandbox.errors import SandboxError
from sandbox.layout import Layout

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Folders of the system's commands. A shell of root's made by ``su`` lacks the ``sbin`` ones on Debian."""

_LOG_TAIL_BYTES = 64 * 1024

# Children of this very process: kept so that polling them reaps those which have ended.
_children: dict[int, subprocess.Popen[bytes]] = {}


def start(
    layout: Layout,
    name: str,
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Start ``argv`` in a session of its own, so that it outlives the command that started it.

    Its output goes to ``<layout.logs>/<name>.log``, emptied first. ``env`` is the whole environment
    of the process; without it the process gets only a PATH of the system's folders, so that neither
    credentials nor proxies of the caller's shell reach it.

    Raises SandboxError when ``name`` runs already or ``argv[0]`` cannot be run.
    """
    if running(layout, name):
        raise SandboxError(f"{name} runs already; stop the sandbox first (make down)")
    layout.logs.mkdir(parents=True, exist_ok=True)
    layout.pids.mkdir(parents=True, exist_ok=True)
    with log_path(layout, name).open("wb") as log:
        try:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": SYSTEM_PATH} if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"{name} could not be started: {argv[0]}: {error.strerror}") from error
    _children[child.pid] = child
    temporary = layout.pids / f".{name}.json"
    # A child that has ended by now is still known to the kernel, because nobody has reaped it yet.
    temporary.write_text(json.dumps(_record(psutil.Process(child.pid))))
    temporary.replace(_record_path(layout, name))


def stop(layout: Layout, name: str, *, grace_seconds: float = 5.0) -> None:
    """End ``name`` and forget it: SIGTERM, then SIGKILL after ``grace_seconds``.

    Nothing happens when it was never started, has ended, or its id belongs to another process by now.

    Raises SandboxError when it survives SIGKILL for ten seconds.
    """
    process = _running(layout, name)
    if process is not None:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            _end(name, process, grace_seconds)
    _record_path(layout, name).unlink(missing_ok=True)


def stop_all(layout: Layout, names: Iterable[str], *, grace_seconds: float = 5.0) -> None:
    """Call `stop` for several processes at the same time, for those that may end in any order."""
    with ThreadPoolExecutor(max_workers=16) as executor:
        for _ in executor.map(lambda name: stop(layout, name, grace_seconds=grace_seconds), names):
            pass


def running(layout: Layout, name: str) -> bool:
    """Tell if the process that was started as ``name`` still runs."""
    return running_pid(layout, name) is not None


def running_pid(layout: Layout, name: str) -> int | None:
    """Process id of ``name``, or None when it does not run."""
    process = _running(layout, name)
    return None if process is None else process.pid


def recorded_names(layout: Layout) -> list[str]:
    """Return the names of the processes that were started and not stopped since, ended ones included."""
    return sorted(path.stem for path in layout.pids.glob("*.json") if not path.name.startswith("."))


def log_path(layout: Layout, name: str) -> Path:
    """Return the file that ``name`` writes its output to."""
    return layout.logs / f"{name}.log"


def log_tail(layout: Layout, name: str, lines: int = 20) -> str:
    """Return the last ``lines`` lines that ``name`` wrote; empty when there is no log."""
    try:
        with log_path(layout, name).open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - _LOG_TAIL_BYTES))
            text = log.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def wait_until(
    description: str,
    deadline_seconds: float,
    probe: Callable[[], bool],
    *,
    interval_seconds: float = 0.1,
    on_timeout: Callable[[], str] | None = None,
) -> None:
    """Return as soon as ``probe`` answers True, asked every ``interval_seconds``.

    Raises SandboxError after ``deadline_seconds``: ``description``, then what ``on_timeout`` tells.
    """
    deadline = time.monotonic() + deadline_seconds
    while not probe():
        if time.monotonic() >= deadline:
            detail = f"\n{on_timeout()}" if on_timeout is not None else ""
            raise SandboxError(f"timed out after {deadline_seconds:g} s: {description}{detail}")
        time.sleep(interval_seconds)


def wait_until_serving(
    layout: Layout, name: str, deadline_seconds: float, probe: Callable[[], bool], *, description: str
) -> None:
    """Call `wait_until` for something that the process ``name`` has to do, such as answering on its port.

    Raises SandboxError with the end of its log, at once when the process has ended and otherwise at
    the deadline.
    """

    def serving() -> bool:
        if probe():
            return True
        require_running(layout, name)
        return False

    wait_until(description, deadline_seconds, serving, on_timeout=lambda: _log_excerpt(layout, name))


def require_running(layout: Layout, name: str) -> None:
    """Raise SandboxError, with the end of its log, when the process ``name`` does not run."""
    if not running(layout, name):
        raise SandboxError(f"{name} has ended\n{_log_excerpt(layout, name)}")


def _log_excerpt(layout: Layout, name: str) -> str:
    return f"end of {log_path(layout, name)}:\n{log_tail(layout, name) or '(empty)'}"


def _record_path(layout: Layout, name: str) -> Path:
    return layout.pids / f"{name}.json"


def _record(process: psutil.Process) -> Mapping[str, int | str]:
    """Return what identifies a process on this machine for good."""
    # Counted from the boot, as the kernel does: seconds since the epoch change when the clock is set.
    seconds = process.create_time() - psutil.boot_time()
    return {
        "pid": process.pid,
        "start_ticks": round(seconds * os.sysconf("SC_CLK_TCK")),
        "boot_id": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
    }


def _running(layout: Layout, name: str) -> psutil.Process | None:
    """Return the process that was started as ``name``, or None when it does not run."""
    try:
        record = json.loads(_record_path(layout, name).read_text())
    except FileNotFoundError:
        return None
    try:
        process = psutil.Process(record["pid"])
        ended = process.status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD} or _record(process) != record
    except psutil.NoSuchProcess:
        return None
    # Only after the look: a child that ends in between would be told as ended and stay a zombie.
    _reap(process.pid)
    return None if ended else process


def _end(name: str, process: psutil.Process, grace_seconds: float) -> None:
    descriptor = os.pidfd_open(process.pid)
    try:
        # Compared after the descriptor is had: from here on it stands for this process and no later one.
        # psutil compares, too, before it sends a signal, but sends it to the id.
        if not process.is_running():
            return
        for signal_number, patience_seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 10.0)):
            signal.pidfd_send_signal(descriptor, signal_number)
            if select.select([descriptor], [], [], patience_seconds)[0]:
                return
        raise SandboxError(f"{name} (process {process.pid}) does not end, even when killed")
    finally:
        os.close(descriptor)
        _reap(process.pid)


def _reap(pid: int) -> None:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]

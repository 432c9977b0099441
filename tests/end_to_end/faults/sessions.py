"""The processes of one run: all that belong to its session, whoever their parent is by now."""

import contextlib
import os
import signal
from collections.abc import Sequence

import psutil


def members(session: int) -> Sequence[int]:
    """Ids of the processes in that session, in the order of their ids."""
    return [pid for pid in psutil.pids() if _belongs(pid, session)]


def command_line(pid: int) -> Sequence[str]:
    """The arguments of a process; empty where it has ended."""
    try:
        return psutil.Process(pid).cmdline()
    except psutil.NoSuchProcess:
        return []


def kill(session: int) -> None:
    """Ends every process of the session without a word, as a lost machine would; the caller comes last."""
    own = os.getpid()
    # Once more until none is left: one may have started another meanwhile.
    while others := [pid for pid in members(session) if pid != own]:
        _signal(others, signal.SIGKILL)
    if _belongs(own, session):
        os.kill(own, signal.SIGKILL)


def stop(session: int) -> None:
    """Stops every process of the session."""
    stopped: set[int] = set()
    # Once more until none is left: one may have started another meanwhile.
    while others := [pid for pid in members(session) if pid not in stopped]:
        _signal(others, signal.SIGSTOP)
        stopped.update(others)


def go_on(session: int) -> None:
    """Lets every process of the session go on."""
    _signal(members(session), signal.SIGCONT)


def end(pid: int, session: int) -> None:
    """Ends one process at once, where it is (still) one of that session."""
    if _belongs(pid, session):
        _signal([pid], signal.SIGKILL)


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _belongs(pid: int, session: int) -> bool:
    """Whether the process runs in that session."""
    try:
        return os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False

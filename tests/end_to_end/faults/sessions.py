"""The processes of one run: all that belong to its session, whoever their parent is by now."""

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path


def members(session: int) -> Sequence[int]:
    """Ids of the processes in that session, in the order of their ids."""
    return sorted(pid for pid in _processes() if _session(pid) == session)


def command_line(pid: int) -> Sequence[str]:
    """The arguments of a process; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def kill(session: int) -> None:
    """Ends every process of the session without a word, as a lost machine would; the caller comes last."""
    own = os.getpid()
    # Once more until none is left: one may have started another meanwhile.
    while others := [pid for pid in members(session) if pid != own]:
        _signal(others, signal.SIGKILL)
    if _session(own) == session:
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
    if _session(pid) == session:
        _signal([pid], signal.SIGKILL)


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _processes() -> Sequence[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _session(pid: int) -> int | None:
    """The session, None where the process has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is the command's name in parentheses and may itself hold spaces and parentheses.
    state, _parent, _group, session = text[text.rindex(")") + 2 :].split()[:4]
    return None if state in {"Z", "X"} else int(session)

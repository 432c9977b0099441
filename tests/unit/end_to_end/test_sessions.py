"""A run's processes are stopped and go on, all of them."""

import subprocess
from pathlib import Path

from tests.end_to_end.faults import sessions
from tests.end_to_end.running_vault import poll

_STATE_FIELD = 2


def states(session: int) -> set[str]:
    """States of the session's processes, as the kernel names them."""
    fields = [Path(f"/proc/{pid}/stat").read_text().split() for pid in sessions.members(session)]
    return {field[_STATE_FIELD] for field in fields}


def sleeping(session: int) -> int:
    """Count the session's processes that are the command `sleep` by now."""
    return sum(sessions.command_line(pid)[:1] == ["sleep"] for pid in sessions.members(session))


def test_a_session_is_stopped_and_goes_on() -> None:
    process = subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60; true"], start_new_session=True)
    try:
        # A shell waits in the kernel, deaf to signals, for a child that is stopped before it is its command.
        poll("both commands run", 20, lambda: sleeping(process.pid) == 2)
        sessions.stop(process.pid)
        poll("all are stopped", 20, lambda: states(process.pid) == {"T"})
        sessions.go_on(process.pid)
        poll("all go on", 20, lambda: "T" not in states(process.pid))
    finally:
        sessions.kill(process.pid)
        process.wait()

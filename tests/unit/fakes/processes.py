"""What the kernel tells of a process."""

import time
from pathlib import Path


def ended(pid: int) -> bool:
    """Whether the process is gone, or a zombie that nobody has collected."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def ends(pid: int, seconds: float = 10) -> bool:
    """Whether the process ends in this time; a signal takes a moment."""
    deadline = time.monotonic() + seconds
    while not ended(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True

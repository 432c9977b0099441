"""What the kernel tells of a process."""

import time

import psutil


def ended(pid: int) -> bool:
    """Whether the process is gone, or a zombie that nobody has collected."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def ends(pid: int, seconds: float = 10) -> bool:
    """Whether the process ends in this time; a signal takes a moment."""
    deadline = time.monotonic() + seconds
    while not ended(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True

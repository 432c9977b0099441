"""Tests take turns: most run side by side, and those marked ``alone`` while no other one runs."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Wait until a test may run, and hold others up as long as it does.

    Whoever waits to be alone holds the gate meanwhile, so that no other test begins before it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "gate.lock").open("w") as gate, (folder / "room.lock").open("w") as room:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield

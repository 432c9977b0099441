"""Writes at a steady rate, and what they tell of an outage."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Self

PER_SECOND = 20
_PARALLEL_WRITES = 64


@dataclass(frozen=True)
class Write:
    """One attempt; times in seconds of the monotonic clock."""

    began: float
    ended: float
    succeeded: bool


@dataclass(frozen=True)
class Gap:
    """A time without a write that succeeded; seconds of the monotonic clock."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.ended - self.began


def longest_gap(writes: Sequence[Write], since: float) -> Gap:
    """The longest time between two answers that were a success, of those that end after ``since``.

    It may have begun before. Raises ValueError where there is no success before ``since`` or none after it.
    """
    successes = sorted(write.ended for write in writes if write.succeeded)
    gaps = [Gap(before, after) for before, after in pairwise(successes) if after > since]
    if not gaps:
        raise ValueError("no write succeeded before and after the event")
    return max(gaps, key=lambda gap: gap.seconds)


def failures(writes: Sequence[Write], since: float) -> int:
    """How many writes failed after ``since``."""
    return sum(1 for write in writes if not write.succeeded and write.ended > since)


def outage_seconds(writes: Sequence[Write], since: float) -> float:
    """How long after ``since`` the last write that failed began; 0 if none has failed."""
    failed = [write.began - since for write in writes if not write.succeeded and write.began > since]
    return max(failed, default=0)


class WriteLoad:
    """Calls ``write`` 20 times a second, whether the earlier calls have returned or not."""

    def __init__(self, write: Callable[[], bool]) -> None:
        self._write = write
        self._done: list[Write] = []
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=_PARALLEL_WRITES)
        self._clock = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Begins to write."""
        self._clock.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends it, after the writes that are on their way."""
        self._stopped.set()
        self._clock.join()
        self._pool.shutdown()

    def writes(self) -> Sequence[Write]:
        """All that have ended so far, in the order of their ends."""
        return tuple(self._done)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            self._pool.submit(self._write_once)
            due += 1 / PER_SECOND

    def _write_once(self) -> None:
        began = time.monotonic()
        succeeded = self._write()
        self._done.append(Write(began, time.monotonic(), succeeded))

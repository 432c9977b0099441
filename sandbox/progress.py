"""Shows a person at a terminal, and a log file, what is being done and how long it took."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

_LIVE_SECONDS = 0.2
_HEARTBEAT_SECONDS = 60.0


def elapsed(seconds: float) -> str:
    """Return a duration as a person reads it: ``4.2 s``, ``3 min 19 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


@dataclass
class Step:
    """One piece of work in progress."""

    title: str
    started: float
    _detail: str = field(default="", init=False)

    def detail(self, text: str) -> None:
        """Says what the step is busy with at this moment; seen on a terminal only."""
        self._detail = text

    def line(self, now: float) -> str:
        """Return the step as one line of text."""
        return f"{self.title} ... {elapsed(now - self.started)}  {self._detail}".rstrip()


class Progress:
    """Writes steps to ``stream``: one live line on a terminal, otherwise plain lines.

    Without a terminal a step has a line at its start, one a minute while it runs (a
    build of Vault takes many; a log that stands still looks like a hang) and one at
    its end. Steps at the same time share the live line.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        clock: Callable[[], float] = time.monotonic,
        heartbeat_seconds: float = _HEARTBEAT_SECONDS,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._heartbeat_seconds = heartbeat_seconds
        self._live = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._lock = threading.Lock()
        self._running: list[Step] = []

    def note(self, text: str) -> None:
        """Write a line of its own; a live line, if there is one, is drawn again below it."""
        with self._lock:
            self._write_line(text)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show ``title`` with the time that passes, until the block ends, then how long it took."""
        step = Step(title, self._clock())
        ended = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(step, ended), daemon=True)
        if not self._live:
            self.note(f"{title} ...")
        self._running.append(step)
        ticker.start()
        outcome = "failed after"
        try:
            yield step
            outcome = "done in"
        finally:
            self._running.remove(step)
            ended.set()
            ticker.join()
            self.note(f"{title}: {outcome} {elapsed(self._clock() - step.started)}")

    def _tick(self, step: Step, ended: threading.Event) -> None:
        while not ended.wait(_LIVE_SECONDS if self._live else self._heartbeat_seconds):
            with self._lock:
                if self._live:
                    self._stream.write(f"\r\x1b[2K{self._live_line()}")
                    self._stream.flush()
                else:
                    busy = elapsed(self._clock() - step.started)
                    self._write_line(f"{step.title}: still busy after {busy}")

    def _live_line(self) -> str:
        running = tuple(self._running)
        now = self._clock()
        width = shutil.get_terminal_size().columns // max(1, len(running)) - 1
        return " ".join(step.line(now)[:width].ljust(width) for step in running).rstrip()

    def _write_line(self, text: str) -> None:
        start_of_line = "\r\x1b[2K" if self._live else ""
        self._stream.write(f"{start_of_line}{text}\n")
        self._stream.flush()

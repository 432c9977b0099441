"""Deadlines, and the lines that a person sees while waiting; the clock is the test's own."""

import os
import sys

import pytest

from components.progress import Waiting, say


class Clock:
    """A clock on which sleeping is the only thing that takes time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """The time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("components.progress.time", clock)
    return clock


def test_deadline(clock: Clock) -> None:
    waiting = Waiting("Waiting", 3)
    clock.sleep(2)
    assert (waiting.over, waiting.remaining_seconds) == (False, 1)
    clock.sleep(2)
    assert (waiting.over, waiting.remaining_seconds) == (True, 0)


def test_no_pause_goes_past_the_deadline(clock: Clock) -> None:
    waiting = Waiting("Waiting", 0.5)
    waiting.pause("starting", seconds=2)
    assert clock.now == 1000.5


def test_one_line_in_ten_seconds(clock: Clock, capfd: pytest.CaptureFixture[str]) -> None:
    waiting = Waiting("Waiting for vault-0", 60)
    while clock.now < 1025:
        waiting.pause("not scheduled", seconds=1)
    said = capfd.readouterr()
    assert said.err.splitlines() == [
        "Waiting for vault-0: not scheduled (10 s)",
        "Waiting for vault-0: not scheduled (20 s)",
    ]
    # The host of dynamic providers tells its port on the standard output.
    assert said.out == ""


def test_nobody_reads_the_lines_any_more(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    broken = os.fdopen(writer, "w")
    monkeypatch.setattr(sys, "stderr", broken)
    # Keys are being kept meanwhile, so neither may raise.
    say("The keys are kept")
    clock.sleep(10)
    Waiting("Waiting", 60).pause("starting")
    with pytest.raises(BrokenPipeError):
        broken.close()

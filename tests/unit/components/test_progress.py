"""Deadlines, and the lines that a person sees while waiting; the clock is the test's own."""

import os
import sys

import pytest

from components.errors import DeploymentError, RetryableError
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


def test_pauses_grow_with_the_wait(clock: Clock) -> None:
    """An attempt that starts kubectl and fails at once isn't made four times a second for five minutes."""
    waiting = Waiting("Waiting", 300)
    made = 0
    while not waiting.over:
        clock.sleep(0.15)
        waiting.pause("starting")
        made += 1
        if made == 20:
            assert clock.now < 1005.1
    assert made < 270


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


def test_line_is_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with os.fdopen(writer, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        say("Unsealing")
        assert os.read(reader, 100) == b"Unsealing\n"
    os.close(reader)


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


class Attempts:
    """Fails with these errors, one an attempt, and returns the number of attempts after them."""

    def __init__(self, *errors: DeploymentError) -> None:
        self.errors = list(errors)
        self.made = 0

    def __call__(self) -> int:
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.made


def test_until_an_attempt_succeeds(clock: Clock) -> None:
    attempts = Attempts(RetryableError("starting"), RetryableError("starting"))
    assert Waiting("Waiting", 60).until(attempts, RetryableError, pause_seconds=2) == 3
    assert clock.now == 1004


def test_one_more_attempt_after_the_pause_up_to_the_deadline(clock: Clock) -> None:
    attempts = Attempts(*[RetryableError("starting")] * 9)
    with pytest.raises(RetryableError, match="starting"):
        Waiting("Waiting", 3).until(attempts, RetryableError, pause_seconds=2)
    assert (clock.now, attempts.made) == (1003, 3)


@pytest.mark.usefixtures("clock")
def test_last_error_is_turned_into_one_that_says_what_to_do() -> None:
    attempts = Attempts(RetryableError("starting"), RetryableError("sealed"))
    with pytest.raises(DeploymentError, match="Unseal it, it is sealed"):
        Waiting("Waiting", 1).until(
            attempts,
            RetryableError,
            timeout_message=lambda error: f"Unseal it, it is {error}",
            pause_seconds=1,
        )


def test_other_errors_are_raised_at_once(clock: Clock) -> None:
    refused = DeploymentError("refused")
    with pytest.raises(DeploymentError, match="refused"):
        Waiting("Waiting", 60).until(Attempts(refused), RetryableError)
    with pytest.raises(DeploymentError, match="refused"):
        Waiting("Waiting", 60).until(Attempts(refused), DeploymentError, retry_if=lambda _: False)
    assert clock.now == 1000


@pytest.mark.usefixtures("clock")
def test_line_says_the_error_or_the_state(capfd: pytest.CaptureFixture[str]) -> None:
    def attempts() -> Attempts:
        return Attempts(RetryableError("sealed"), RetryableError("sealed"))

    Waiting("Waiting", 60).until(attempts(), RetryableError, pause_seconds=10)
    Waiting("Waiting", 60).until(attempts(), RetryableError, pause_seconds=10, state=lambda _: "not there")
    assert capfd.readouterr().err.splitlines() == ["Waiting: sealed (10 s)", "Waiting: not there (10 s)"]

"""What a log file and a terminal see of a step."""

import io
import re
import time

import pytest

from sandbox.progress import Progress, elapsed


class Clock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (4.21, "4.2 s"), (59.94, "59.9 s"), (60.0, "1 min 0 s"), (199.4, "3 min 19 s")],
)
def test_elapsed_reads_as_seconds_then_minutes(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text


def test_without_a_terminal_a_step_is_two_plain_lines() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock=clock)

    with progress.step("Building helm") as step:
        step.detail("helm.sh/helm/v3/pkg/action")
        clock.now += 78.3

    assert stream.getvalue() == "Building helm ...\nBuilding helm: done in 1 min 18 s\n"


def test_a_step_that_raises_says_so() -> None:
    stream, clock = io.StringIO(), Clock()

    with pytest.raises(ValueError, match="disk full"), Progress(stream, clock=clock).step("Building helm"):
        clock.now += 2
        raise ValueError("disk full")

    assert stream.getvalue().splitlines()[-1] == "Building helm: failed after 2.0 s"


def test_a_long_step_shows_signs_of_life_in_a_log() -> None:
    stream = io.StringIO()
    progress = Progress(stream, heartbeat_seconds=0.01)

    with progress.step("Building vault"):
        _wait_for(stream, "still busy after")

    assert re.search(r"^Building vault: still busy after \d+\.\d s$", stream.getvalue(), re.MULTILINE)


def test_a_terminal_has_one_live_line_with_what_is_being_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    stream = Terminal()

    with Progress(stream).step("Building vault") as step:
        step.detail("github.com/hashicorp/vault/" + "a" * 80)
        _wait_for(stream, "hashicorp")

    drawn, *_, last = stream.getvalue().split("\r\x1b[2K")[1:]
    assert drawn.startswith("Building vault ... ")
    assert len(drawn) < 60, "a line that wraps cannot be drawn over"
    assert re.fullmatch(r"Building vault: done in \d+\.\d s\n", last)


def test_two_steps_at_a_time_share_the_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    stream = Terminal()
    progress = Progress(stream)

    with progress.step("Building vault") as vault, progress.step("Building helm"):
        vault.detail("github.com/hashicorp/vault/" + "a" * 80)
        _wait_for(stream, "helm ... 0.")

    shared = next(line for line in stream.getvalue().split("\r\x1b[2K") if "helm ... 0." in line)
    assert re.match(r"Building vault \.\.\. .* Building helm \.\.\. ", shared)
    assert len(shared) < 60


def test_a_note_stands_on_a_line_of_its_own() -> None:
    stream = io.StringIO()

    Progress(stream).note("nothing to build")

    assert stream.getvalue() == "nothing to build\n"


def _wait_for(stream: io.StringIO, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in stream.getvalue():
        assert time.monotonic() < deadline, f"{text!r} was never written: {stream.getvalue()!r}"
        time.sleep(0.005)

"""Writes at a steady rate, and what is read from them."""

import threading
import time

import pytest

from tests.benchmarks.writes import Gap, Write, WriteLoad, failures, longest_gap, outage_seconds


def success(ended: float) -> Write:
    return Write(ended - 0.01, ended, succeeded=True)


def failure(ended: float) -> Write:
    return Write(ended - 0.01, ended, succeeded=False)


def test_the_gap_lies_between_the_successes_around_the_failures() -> None:
    writes = [success(1.0), success(1.05), failure(1.1), failure(1.15), success(3.2), success(3.25)]

    assert longest_gap(writes, since=1.07) == Gap(1.05, 3.2)


def test_a_gap_before_the_event_is_none_of_it() -> None:
    assert longest_gap([success(1.0), success(9.0), success(9.05), success(9.5)], since=9.02).seconds == (
        pytest.approx(0.45)
    )


def test_a_short_success_within_the_outage_does_not_hide_its_longer_part() -> None:
    writes = [success(1.0), success(1.6), failure(2.0), success(4.0), success(4.1)]

    assert longest_gap(writes, since=1.1) == Gap(1.6, 4.0)


def test_answers_count_in_the_order_in_which_they_came() -> None:
    assert longest_gap([success(5.0), success(1.0), success(2.0)], since=1.5) == Gap(2.0, 5.0)


@pytest.mark.parametrize("writes", [[], [success(1.0)], [success(1.0), failure(2.0)]])
def test_without_a_success_on_both_sides_there_is_no_gap_to_tell(writes: list[Write]) -> None:
    with pytest.raises(ValueError, match="before and after"):
        longest_gap(writes, since=1.5)


def test_failures_are_counted_from_the_event_on() -> None:
    assert failures([failure(1.0), success(2.0), failure(2.5), failure(3.0)], since=1.5) == 2


def test_the_outage_lasts_until_the_last_write_that_fails() -> None:
    writes = [failure(1.0), success(2.0), failure(2.51), success(3.0), failure(3.51), success(3.55)]

    assert outage_seconds(writes, since=1.5) == pytest.approx(2.0)
    assert outage_seconds(writes, since=3.6) == 0


def test_a_write_that_hangs_does_not_hold_up_the_others() -> None:
    release, enough = threading.Event(), threading.Event()
    begun: list[float] = []

    def write() -> bool:
        begun.append(time.monotonic())
        if len(begun) == 1:
            return release.wait(10)
        if len(begun) == 5:
            enough.set()
        return len(begun) % 2 == 0

    with WriteLoad(write) as load:
        assert enough.wait(10)
        assert len(load.writes()) >= 3
        release.set()

    # The one that hung is there at the end, too.
    assert max(load.writes(), key=lambda each: each.ended - each.began).succeeded
    assert len(load.writes()) == len(begun)
    # Four intervals of a twentieth of a second lie between the first and the fifth.
    assert begun[4] - begun[0] > 0.19

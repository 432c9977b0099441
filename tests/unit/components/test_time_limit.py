"""Limits of questions that together have to end in time."""

import time

from components.time_limit import TimeLimit


def test_each_question_has_its_limit() -> None:
    limit = TimeLimit.starting_now(each=5, together=100)
    assert limit.seconds(30) == 5
    assert limit.seconds(2) == 2


def test_all_together_have_one() -> None:
    limit = TimeLimit(5, time.monotonic() + 1)
    assert 0.5 < limit.seconds(30) <= 1


def test_a_question_after_the_end_has_a_moment() -> None:
    assert TimeLimit(5, time.monotonic() - 10).seconds(30) == 0.1

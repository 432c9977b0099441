"""Medians, and the factor between program and floor."""

import pytest

from tests.benchmarks.samples import Comparison, Samples


def comparison(
    program: Samples, floor: Samples, *, goal: float = 1.0, allowance: Samples | None = None
) -> Comparison:
    return Comparison("something", "s", program, floor, goal, allowance)


def test_the_median_is_the_middle_sample_whatever_the_order() -> None:
    samples = Samples([9.0, 1.0, 2.0])

    assert (samples.median, samples.minimum, samples.maximum) == (2.0, 1.0, 9.0)


def test_the_median_of_an_even_number_lies_between_the_two_in_the_middle() -> None:
    assert Samples([1.0, 2.0, 4.0, 9.0]).median == 3.0


def test_no_sample_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="no sample"):
        Samples([])


def test_the_factor_compares_the_medians() -> None:
    assert comparison(Samples([1.0, 3.0, 90.0]), Samples([2.0, 2.0, 0.1])).factor == 1.5


def test_the_allowance_is_taken_off_the_program_before() -> None:
    assert comparison(Samples([14.0]), Samples([10.0]), allowance=Samples([2.0, 3.0, 2.5])).factor == 1.15


def test_nothing_has_no_multiple() -> None:
    assert comparison(Samples([3.0]), Samples([0.0])).factor is None


@pytest.mark.parametrize(
    ("program", "floor", "met"),
    [(1.15, 1.0, True), (1.154, 1.0, True), (1.156, 1.0, False), (0.0, 0.0, True), (1.0, 0.0, False)],
)
def test_goal_is_met_to_the_hundredth_that_is_shown(program: float, floor: float, met: bool) -> None:
    row = Comparison("row", "s", Samples([program]), Samples([floor]), goal=1.15)
    assert row.met is met

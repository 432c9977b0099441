"""The table in Markdown, and where it goes."""

from tests.benchmarks.samples import Comparison, Samples
from tests.benchmarks.table import BEGIN, END, placed, render


def test_a_row_shows_both_spreads_the_factor_and_the_goal() -> None:
    row = Comparison("preview", "s", Samples([2.4, 2.2, 2.31]), Samples([2.0, 2.1, 1.9]), goal=1.2)

    assert render([row], []).splitlines()[2] == (
        "| preview | **2.31 s** (2.20-2.40) | **2.00 s** (1.90-2.10) | 1.16x | 1.2x | met |"
    )


def test_an_allowance_shows_in_the_factor_and_in_the_goal() -> None:
    row = Comparison("up", "s", Samples([14.0]), Samples([10.0]), goal=1.15, allowance=Samples([2.5]))

    assert render([row], []).splitlines()[2].endswith("| 1.15x (less 2.50 s) | 1.15x + 2.50 s | met |")


def test_counts_are_whole_and_a_multiple_of_nothing_is_left_open() -> None:
    row = Comparison("failed", "writes", Samples([3, 12, 7]), Samples([0]), goal=1.0)

    assert render([row], []).splitlines()[2] == (
        "| failed | **7 writes** (3-12) | **0 writes** (0-0) | - | 1x | missed |"
    )


def test_notes_follow_below_an_empty_line() -> None:
    assert render([], ["first", "second"]).splitlines()[2:] == ["", "- first", "- second"]


def test_every_row_has_as_many_cells_as_the_header() -> None:
    row = Comparison("up", "s", Samples([14.0]), Samples([10.0]), goal=1.15, allowance=Samples([2.5]))
    header, rule, line = render([row], []).splitlines()[:3]

    assert header.count("|") == rule.count("|") == line.count("|") == 7


def test_the_table_replaces_what_was_between_the_markers_and_nothing_else() -> None:
    document = f"# Speed\n{BEGIN}\n| old |\n{END}\nmore\n"

    assert placed(document, "| new |") == f"# Speed\n{BEGIN}\n| new |\n{END}\nmore\n"


def test_a_document_without_both_markers_in_order_is_left_alone() -> None:
    for document in ("", f"{BEGIN}\n", f"{END}\n", f"{END}\n{BEGIN}\n"):
        assert placed(document, "| new |") is None

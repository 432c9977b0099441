"""The table of faults that people read is the one that is run, and compared with what a run has shown."""

from pathlib import Path

import pytest

from sandbox.layout import Layout
from tests.end_to_end.faults.change_table import CHANGES
from tests.end_to_end.faults.expectations import Keys
from tests.end_to_end.faults.fault_table import FAULTS as AWS_FAULTS
from tests.end_to_end.faults.results import (
    FAULTS,
    FIRST_INIT,
    NUMBERS,
    PAGE,
    PARTS,
    Part,
    differences,
    read_results,
    write_result,
)
from tests.end_to_end.google.google_fault_table import GOOGLE_FAULTS
from tests.integration.interruptions.interruption import Settled
from tests.integration.interruptions.interruption_table import INTERRUPTIONS

FAULTS_PAGE = PAGE.read_text(encoding="utf-8")
KEYS = PARTS["keys"]


def expected(part: Part) -> str:
    """The line on the whole part if its tests pass."""
    return part.summary([row.outcome for row in part.rows])


def rows() -> list[str]:
    """All tables as the page has to have them."""
    lines = [f"| {NUMBERS[row.name]} | {row.row} |" for part in PARTS.values() for row in part.rows]
    first, second = len(FIRST_INIT), len(FAULTS)
    return [
        *head("Injected", "Pods", "What the person sees", "Proven with"),
        *lines[:first],
        *head("Injected", "Seal, keys in", "What the person sees", "Proven with"),
        *lines[first:second],
        *head("Killed when", "In", "What the next run says", "Settled by"),
        *lines[second:],
    ]


def head(*columns: str) -> list[str]:
    """The head of a table, whose first column has the numbers."""
    return [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]


def test_the_page_shows_the_table() -> None:
    # What follows is proved by tests that aren't of these parts.
    numbered = FAULTS_PAGE.partition("\n## Lost volumes, and restores\n")[0]
    shown = [line for line in numbered.splitlines() if line.startswith("|")]
    assert shown == rows()


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_the_page_says_what_the_runs_are_to_show(part: Part) -> None:
    assert expected(part) in FAULTS_PAGE


def test_every_fault_tells_what_it_is() -> None:
    runs = {fault.run for table in (AWS_FAULTS, GOOGLE_FAULTS, CHANGES) for fault in table}
    assert len({fault.name for fault in FAULTS}) == len(runs) == len(FAULTS)
    assert all(fault.injected and fault.seen for fault in FAULTS)
    assert len(NUMBERS) == len(FAULTS) + len(INTERRUPTIONS)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A sandbox's home, with the results that the table expects."""
    for fault in FAULTS:
        write_result(Layout(tmp_path), fault, fault.keys)
    return tmp_path


def test_results_that_the_page_tells(run: Path) -> None:
    assert differences(KEYS, read_results([run]), FAULTS_PAGE) == []


def test_results_of_two_clouds_count_together(tmp_path: Path) -> None:
    for number, fault in enumerate(FAULTS):
        write_result(Layout(tmp_path / str(number % 2)), fault, fault.keys)
    assert differences(KEYS, read_results([tmp_path / "0", tmp_path / "1"]), FAULTS_PAGE) == []


def test_a_fault_that_was_not_injected(run: Path) -> None:
    (run / "faults" / "7.json").unlink()
    assert differences(KEYS, read_results([run]), FAULTS_PAGE) == [
        f"row 7, {FAULTS[6].name}: no result, so it wasn't injected or wasn't proved"
    ]


def test_keys_that_fared_otherwise(run: Path) -> None:
    write_result(Layout(run), FAULTS[0], Keys.NEVER_GIVEN)
    problems = differences(KEYS, read_results([run]), FAULTS_PAGE)
    assert problems[0] == f"row 1, {FAULTS[0].name}: new ones in the run, and not on the page"


def test_a_count_that_the_page_has_wrong(run: Path) -> None:
    page = FAULTS_PAGE.replace(expected(KEYS), "no keys are ever lost")
    assert differences(KEYS, read_results([run]), page) == [f"the page doesn't say: {expected(KEYS)}"]


def test_interruptions_are_compared_without_the_faults(tmp_path: Path) -> None:
    for row in INTERRUPTIONS[1:]:
        write_result(Layout(tmp_path), row, row.settled)
    write_result(Layout(tmp_path), INTERRUPTIONS[1], Settled.NEXT_RUN)
    first, second = (f"row {NUMBERS[row.name]}, {row.name}" for row in INTERRUPTIONS[:2])
    assert differences(PARTS["interruptions"], read_results([tmp_path]), FAULTS_PAGE) == [
        f"{first}: no result, so it wasn't injected or wasn't proved",
        f"{second}: the next run in the run, and not on the page",
    ]

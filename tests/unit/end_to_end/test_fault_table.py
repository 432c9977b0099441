"""The table of faults that people read is the one that is run, and compared with what a run has shown."""

from pathlib import Path

import pytest

from sandbox.layout import Layout
from tests.end_to_end.faults.change_table import CHANGES
from tests.end_to_end.faults.expectations import Keys, summary
from tests.end_to_end.faults.fault_table import FAULTS as AWS_FAULTS
from tests.end_to_end.faults.results import FAULTS, FIRST_INIT, PAGE, differences, read_results, write_result
from tests.end_to_end.google.google_fault_table import GOOGLE_FAULTS

FAULTS_PAGE = PAGE.read_text(encoding="utf-8")
EXPECTED = summary([fault.keys for fault in FAULTS])


def rows() -> list[str]:
    """Both tables as the page has to have them."""
    lines = [f"| {number} | {fault.row} |" for number, fault in enumerate(FAULTS, start=1)]
    first = len(FIRST_INIT)
    return [*head("Pods"), *lines[:first], *head("Seal, keys in"), *lines[first:]]


def head(where: str) -> list[str]:
    """The head of a table, with the name of the column that says what its faults are tried on."""
    return [f"| | Injected | {where} | What the person sees | Proven with |", "|---|---|---|---|---|"]


def test_the_page_shows_the_table() -> None:
    shown = [line for line in FAULTS_PAGE.splitlines() if line.startswith("|")]
    assert shown == rows()


def test_the_page_says_what_the_runs_are_to_show() -> None:
    assert EXPECTED in FAULTS_PAGE


def test_every_fault_tells_what_it_is() -> None:
    runs = {fault.run for table in (AWS_FAULTS, GOOGLE_FAULTS, CHANGES) for fault in table}
    assert len({fault.name for fault in FAULTS}) == len(runs) == len(FAULTS)
    assert all(fault.injected and fault.seen for fault in FAULTS)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A sandbox's home, with the results that the table expects."""
    for fault in FAULTS:
        write_result(Layout(tmp_path), fault, fault.keys)
    return tmp_path


def test_results_that_the_page_tells(run: Path) -> None:
    assert differences(read_results([run]), FAULTS_PAGE) == []


def test_results_of_two_clouds_count_together(tmp_path: Path) -> None:
    for number, fault in enumerate(FAULTS):
        write_result(Layout(tmp_path / str(number % 2)), fault, fault.keys)
    assert differences(read_results([tmp_path / "0", tmp_path / "1"]), FAULTS_PAGE) == []


def test_a_fault_that_was_not_injected(run: Path) -> None:
    (run / "faults" / "7.json").unlink()
    assert differences(read_results([run]), FAULTS_PAGE) == [
        f"row 7, {FAULTS[6].name}: no result, so it wasn't injected or the keys weren't proved"
    ]


def test_keys_that_fared_otherwise(run: Path) -> None:
    write_result(Layout(run), FAULTS[0], Keys.NEVER_GIVEN)
    problems = differences(read_results([run]), FAULTS_PAGE)
    assert problems[0] == f"row 1, {FAULTS[0].name}: new ones in the run, and not on the page"


def test_a_count_that_the_page_has_wrong(run: Path) -> None:
    page = FAULTS_PAGE.replace(EXPECTED, "no keys are ever lost")
    assert differences(read_results([run]), page) == [f"the page doesn't say: {EXPECTED}"]

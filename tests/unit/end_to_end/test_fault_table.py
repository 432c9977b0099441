"""The table of faults that people read is the one that is run."""

from pathlib import Path

from tests.end_to_end.faults.bench import Keys
from tests.end_to_end.faults.fault_table import FAULTS as AWS_FAULTS
from tests.end_to_end.google.google_fault_table import GOOGLE_FAULTS

FAULTS = (*AWS_FAULTS, *GOOGLE_FAULTS)
REPOSITORY = Path(__file__).resolve().parents[3]
FAULTS_PAGE = (REPOSITORY / "docs" / "faults.md").read_text(encoding="utf-8")


def rows() -> list[str]:
    """The table as the page has to have it."""
    head = ["| | Injected | What the person sees | Proven with |", "|---|---|---|---|"]
    return head + [
        f"| {number} | {fault.injected} | {fault.seen} | {fault.keys.value} |"
        for number, fault in enumerate(FAULTS, start=1)
    ]


def test_the_page_shows_the_table() -> None:
    shown = [line for line in FAULTS_PAGE.splitlines() if line.startswith("|")]
    assert shown == rows()


def test_the_page_counts_right() -> None:
    lost = sum(fault.keys is Keys.NEVER_GIVEN for fault in FAULTS)
    assert f"{len(FAULTS)} faults" in FAULTS_PAGE
    assert f"In {lost} of them Vault's answer reached nobody" in FAULTS_PAGE


def test_every_fault_tells_what_it_is() -> None:
    assert len({fault.name for fault in FAULTS}) == len({fault.run for fault in FAULTS}) == len(FAULTS)
    assert all(fault.injected and fault.seen for fault in FAULTS)

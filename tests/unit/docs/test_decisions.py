"""The index of the decisions has each of them, with its title."""

import re
from pathlib import Path

import pytest

from tests.unit.docs.documents import REPOSITORY, name, tables, text

FOLDER = REPOSITORY / "docs" / "decisions"
DECISIONS = sorted(FOLDER.glob("[0-9]*.md"))


def test_the_index_has_every_decision() -> None:
    rows = tables("docs/decisions/README.md", "Decision")
    links = [re.findall(r"\[(.+)\]\((.+)\)", link)[0] for link, _ in rows]
    titles = [text(name(decision)).splitlines()[0].removeprefix("# ") for decision in DECISIONS]
    assert links == [(title, decision.name) for title, decision in zip(titles, DECISIONS, strict=True)]


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision.name)
def test_a_decision_has_its_number_in_its_title(decision: Path) -> None:
    assert text(name(decision)).startswith(f"# {int(decision.name[:4])}. ")

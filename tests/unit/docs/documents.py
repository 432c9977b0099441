"""The project's documents in Markdown, and their tables, links and code."""

import re
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
DOCUMENTS: Sequence[Path] = (
    *sorted(REPOSITORY.glob("*.md")),
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "examples").glob("*/README.md")),
    REPOSITORY / "policy" / "README.md",
)
"""Every document: those of the top folder, everything in docs/, the examples' and that of the policy pack."""


def name(document: Path) -> str:
    """Return the document's path as people write it."""
    return document.relative_to(REPOSITORY).as_posix()


def text(path: str) -> str:
    """Return the text of the document at ``path``, which counts from the repository."""
    return (REPOSITORY / path).read_text(encoding="utf-8")


def tables(path: str, first_column: str) -> list[list[str]]:
    """Return the rows, as lists of cells, of every table whose first column has that heading.

    Raises :class:`AssertionError` if there is no such table.
    """
    found = re.findall(
        rf"^\| {re.escape(first_column)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text(path), re.MULTILINE
    )
    assert found, f"{path} has no table whose first column is {first_column}"
    return [
        [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip()[1:-1])]
        for rows in found
        for row in rows.splitlines()
    ]


def code(cell: str) -> list[str]:
    """Return what a cell has between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def blocks(path: str, language: str) -> list[str]:
    """Return the code blocks of a language, without the indentation that they have in lists."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text(path), re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indentation}", "", block, flags=re.MULTILINE) for indentation, block in found]


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    prose = re.sub(
        r"^ *```.*?^ *```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}

"""Every relative link in a document leads to a file, and its anchor to a heading."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.docs.documents import DOCUMENTS, REPOSITORY, anchors, name


def targets(document: Path) -> Iterator[str]:
    """Yield what a document links to within the project."""
    content = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", content):
        if "://" not in target:
            yield target


def is_broken(document: Path, target: str) -> bool:
    """Whether there is no such file, or no such heading in it."""
    path, _, anchor = target.partition("#")
    file = (document.parent / path).resolve() if path else document
    if not file.exists() or not file.is_relative_to(REPOSITORY):
        return True
    return bool(anchor) and anchor not in anchors(file)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_no_link_is_broken(document: Path) -> None:
    assert [target for target in targets(document) if is_broken(document, target)] == []


def test_broken_links_are_found() -> None:
    readme = REPOSITORY / "README.md"
    assert len(list(targets(readme))) > 20
    assert is_broken(readme, "docs/missing.md")
    assert is_broken(readme, "docs/settings.md#missing")
    assert not is_broken(readme, "docs/settings.md#outputs")


def test_every_document_is_linked_from_another() -> None:
    linked = {
        (document.parent / target.partition("#")[0]).resolve()
        for document in DOCUMENTS
        for target in targets(document)
    }
    assert [name(document) for document in DOCUMENTS if document not in linked] == []

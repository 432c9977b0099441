"""README is an overview: short, with every document in its index, and with commands that deploy."""

import re

import pytest

from tests.unit.docs.documents import DOCUMENTS, REPOSITORY, blocks, text
from tests.unit.fakes.stack_settings import parse

PAGE = "README.md"
INDEX = text(PAGE).partition("\n## Documentation\n")[2]


def test_it_is_short() -> None:
    assert len(text(PAGE).splitlines()) <= 150


def test_its_index_has_every_document() -> None:
    documents = {
        path.relative_to(REPOSITORY).as_posix() for path in DOCUMENTS if "decisions" not in path.parts
    }
    linked = {target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", INDEX)}
    assert linked - {"docs/decisions/README.md"} == documents - {PAGE}


@pytest.mark.parametrize(
    ("block", "seal"), list(zip((1, 2, 3), ("awskms", "gcpckms", "shamir"), strict=True)), ids=str
)
def test_its_settings_are_all_that_a_stack_needs(block: int, seal: str) -> None:
    commands = blocks(PAGE, "sh")[block]
    settings = dict(re.findall(r"^pulumi config set (\S+) (\S+)$", commands, re.MULTILINE))
    assert parse(settings).seal.type == seal


def test_its_guarantees_say_what_is_not_covered() -> None:
    assert "**Not covered: stacks of earlier versions**" in text(PAGE)

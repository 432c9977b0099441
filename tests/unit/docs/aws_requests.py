"""The table of docs/permissions.md that says what each resource asks AWS for."""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass

from tests.unit.docs.documents import code, tables

PAGE = "docs/permissions.md"


@dataclass(frozen=True)
class AwsRequests:
    """The requests by which a resource is created, read, changed and deleted, by their actions."""

    created: Set[str]
    read: Set[str]
    changed: Set[str]
    deleted: Set[str]
    asked_for: Set[str]
    """Actions that AWS asks for beside the requests themselves."""


def aws_requests() -> Mapping[str, AwsRequests]:
    """Return the rows of the table by the resource's type, or what else the row is about."""
    return {
        (code(kind) or [kind])[0]: AwsRequests(
            *(set(code(_without_brackets(cell))) for cell in cells),
            asked_for={action for cell in cells for action in code(cell)}
            - {action for cell in cells for action in code(_without_brackets(cell))},
        )
        for kind, *cells in tables(PAGE, "Resource")
    }


def _without_brackets(cell: str) -> str:
    return re.sub(r"\([^)]*\)", "", cell)

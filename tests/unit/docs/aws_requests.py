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
    """Return the rows of the table by the resource's type, or by what else the row is about."""
    return {(code(kind) or [kind])[0]: _requests(*cells) for kind, *cells in tables(PAGE, "AWS resource")}


def _requests(created: str, read: str, changed: str, deleted: str) -> AwsRequests:
    bracketed = re.findall(r"\([^)]*\)", created + read + changed + deleted)
    return AwsRequests(
        created=_outside_brackets(created),
        read=_outside_brackets(read),
        changed=_outside_brackets(changed),
        deleted=_outside_brackets(deleted),
        asked_for=set(code("".join(bracketed))),
    )


def _outside_brackets(cell: str) -> Set[str]:
    return set(code(re.sub(r"\([^)]*\)", "", cell)))

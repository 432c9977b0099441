"""The table of requests to Google Cloud in docs/permissions.md."""

import re
from dataclasses import dataclass

from tests.unit.docs.documents import code, tables


@dataclass(frozen=True)
class Request:
    """A request, with stars for names, and the permissions that Google wants for it."""

    request: str
    permissions: frozenset[str]


def listed() -> dict[tuple[str, str], set[Request]]:
    """Return the requests by resource or function, and step."""
    found: dict[tuple[str, str], set[Request]] = {}
    for resources, step, request, permissions in tables("docs/permissions.md", "Google resource"):
        for resource in code(resources):
            found.setdefault((resource, step), set()).add(
                Request(code(request)[0], frozenset(code(permissions)))
            )
    return found


def shown(token: str) -> str:
    """Return a type or function as the engine shows it: `gcp:kms/keyRing:KeyRing` is `gcp:kms:KeyRing`."""
    return re.sub(r"/\w+:", ":", token)

"""Finds what is too wide in the policy documents of AWS, by the numbers of their statements."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .resource import entries

_ACCOUNT = 4
"""Position of the account in an ARN."""
_RESOURCE = 5
"""Position of the resource in an ARN."""
_ROOT = ":root"
_POD_IDENTITY = "pods.eks.amazonaws.com"
_POD_TAGS = frozenset({"aws:requesttag/kubernetes-namespace", "aws:requesttag/kubernetes-service-account"})
_EXACT = ("stringequals", "stringlike", "arnequals", "arnlike")


class UnreadableDocumentError(ValueError):
    """A policy document isn't JSON with statements; the message has nothing of it."""


def allowing_statements(document: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield each statement that allows something, with its number from 1.

    Raises :class:`UnreadableDocumentError`.
    """
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            raise UnreadableDocumentError("it is no JSON") from None
    if not isinstance(document, Mapping):
        raise UnreadableDocumentError("it is no JSON object")
    for number, statement in enumerate(entries(document.get("Statement")), start=1):
        if not isinstance(statement, Mapping):
            raise UnreadableDocumentError("a statement is no JSON object")
        if statement.get("Effect") == "Allow":
            yield number, statement


def wide_actions(statement: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the actions."""
    if "NotAction" in statement:
        yield "allows all actions but some (NotAction)"
    if any("*" in str(action) or "?" in str(action) for action in entries(statement.get("Action"))):
        yield "allows actions by a wildcard"


def wide_resources(statement: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the resources of a policy of a role, user or group."""
    if "NotResource" in statement:
        yield "is for all resources but some (NotResource)"
    if any(is_wide(str(resource)) for resource in entries(statement.get("Resource"))):
        yield "is for resources by a wildcard"


def is_wide(arn: str) -> bool:
    """Return whether an ARN names a kind of resource, and not one: `*`, or a wildcard where the name begins.

    A wildcard behind a name is none of these: `secret:vault-??????` and `bucket/snapshots/*` are one secret,
    and the objects of one folder.
    """
    parts = arn.split(":", _RESOURCE)
    if len(parts) <= _RESOURCE:
        return "*" in arn or "?" in arn
    service, account, resource = parts[2], parts[_ACCOUNT], parts[_RESOURCE]
    if "*" in service or "*" in account:
        return True
    if service == "s3":
        return "*" in resource.partition("/")[0]
    kind, _, name = resource.replace(":", "/", 1).partition("/")
    return "*" in kind or name.startswith(("*", "?"))


def open_principals(statement: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the principals of a policy of a key, a secret or a bucket."""
    if "NotPrincipal" in statement:
        yield "is for all principals but some (NotPrincipal)"
    if "*" in _principals(statement) and not statement.get("Condition"):
        yield "is for every principal"


def loose_trust(statement: Mapping[str, Any]) -> Iterator[str]:
    """Yield why others than the pods of one service account, or a principal that is named, get the role."""
    yield from open_principals(statement)
    yield from wide_actions(statement)
    principal = statement.get("Principal")
    conditions = _exact_conditions(statement)
    if isinstance(principal, Mapping):
        if principal.get("Federated") is not None and not {"sub", "aud"} <= {
            key.rpartition(":")[2] for key in conditions
        }:
            yield "trusts an identity provider without naming one service account (sub) and audience (aud)"
        if _POD_IDENTITY in entries(principal.get("Service")) and not conditions.keys() >= _POD_TAGS:
            yield "trusts EKS Pod Identity without naming one namespace and service account"
        accounts = [str(name) for name in entries(principal.get("AWS"))]
        if any(name.endswith(_ROOT) or name.isdigit() for name in accounts) and not conditions:
            yield "trusts a whole account"


def _principals(statement: Mapping[str, Any]) -> Sequence[str]:
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        return [str(name) for names in principal.values() for name in entries(names)]
    return [str(name) for name in entries(principal)]


def _exact_conditions(statement: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the conditions, in lower case, that one value without a wildcard meets."""
    found = {}
    for operator, conditions in (statement.get("Condition") or {}).items():
        if operator.lower() in _EXACT:
            for key, value in conditions.items():
                values = [str(entry) for entry in entries(value)]
                if len(values) == 1 and not {"*", "?"} & set(values[0]):
                    found[key.lower()] = values[0]
    return found

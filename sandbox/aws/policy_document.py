"""IAM policy documents as data; what they mean is in ``policy_evaluation``.

The grammar is that of
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from sandbox.errors import SandboxError

Effect = Literal["Allow", "Deny"]

VERSIONS = ("2008-10-17", "2012-10-17")
STATEMENT_ELEMENTS = {
    "Sid",
    "Effect",
    "Principal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
PRINCIPAL_KINDS = {"AWS", "Federated", "Service"}


class MalformedPolicyError(SandboxError):
    """A policy document that AWS would not take, or with an element that the sandbox does not know."""


@dataclass(frozen=True)
class Condition:
    """One operator applied to one condition key; the values are alternatives."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Principals:
    """Whom a statement of a resource policy speaks of."""

    anyone: bool = False
    aws: tuple[str, ...] = ()
    federated: tuple[str, ...] = ()
    service: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statement:
    """One statement. ``principals`` is None if there is no Principal, as in identity policies."""

    effect: Effect
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    not_resources: tuple[str, ...] = ()
    principals: Principals | None = None
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class PolicyDocument:
    """A policy's statements in their order."""

    statements: tuple[Statement, ...]


def parse_policy(text: str) -> PolicyDocument:
    """Read a policy document.

    Raises MalformedPolicyError for text that is no JSON object, for an unknown element, effect or version,
    and for a statement without action.
    """
    try:
        document: object = json.loads(text)
    except ValueError as error:
        raise MalformedPolicyError(f"The policy is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise MalformedPolicyError("The policy must be a JSON object.")
    unknown = set(document) - {"Version", "Id", "Statement"}
    if unknown:
        raise MalformedPolicyError(f"Unknown element in the policy: {', '.join(sorted(unknown))}.")
    if document.get("Version", VERSIONS[0]) not in VERSIONS:
        raise MalformedPolicyError(f"The policy's Version must be one of {', '.join(VERSIONS)}.")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise MalformedPolicyError("The policy has no Statement.")
    return PolicyDocument(tuple(_statement(statement) for statement in statements))


def _statement(value: object) -> Statement:
    if not isinstance(value, dict):
        raise MalformedPolicyError("A Statement must be a JSON object.")
    unknown = set(value) - STATEMENT_ELEMENTS
    if unknown:
        raise MalformedPolicyError(f"Element not supported in a Statement: {', '.join(sorted(unknown))}.")
    effect = value.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise MalformedPolicyError("A Statement's Effect must be Allow or Deny.")
    if ("Action" in value) == ("NotAction" in value):
        raise MalformedPolicyError("A Statement must have either Action or NotAction.")
    if "Resource" in value and "NotResource" in value:
        raise MalformedPolicyError("A Statement must not have both Resource and NotResource.")
    return Statement(
        effect=cast(Effect, effect),
        actions=_member(value, "Action"),
        not_actions=_member(value, "NotAction"),
        resources=_member(value, "Resource"),
        not_resources=_member(value, "NotResource"),
        principals=_principals(value["Principal"]) if "Principal" in value else None,
        conditions=_conditions(value.get("Condition", {})),
    )


def _principals(value: object) -> Principals:
    if value == "*":
        return Principals(anyone=True)
    if not isinstance(value, dict) or not value:
        raise MalformedPolicyError('A Principal must be "*" or a JSON object.')
    unknown = set(value) - PRINCIPAL_KINDS
    if unknown:
        raise MalformedPolicyError(f"Principal not supported: {', '.join(sorted(unknown))}.")
    aws = _member(value, "AWS")
    return Principals(
        anyone="*" in aws,
        aws=tuple(name for name in aws if name != "*"),
        federated=_member(value, "Federated"),
        service=_member(value, "Service"),
    )


def _conditions(value: object) -> tuple[Condition, ...]:
    if not isinstance(value, dict):
        raise MalformedPolicyError("A Condition must be a JSON object.")
    conditions: list[Condition] = []
    for operator, keys in value.items():
        if not isinstance(keys, dict):
            raise MalformedPolicyError(f"The Condition {operator} must be a JSON object.")
        for key, values in cast(Mapping[str, object], keys).items():
            conditions.append(Condition(operator, key, _strings(values, "Condition")))
    return tuple(conditions)


def _member(parent: Mapping[str, object], element: str) -> tuple[str, ...]:
    return _strings(parent[element], element) if element in parent else ()


def _strings(value: object, element: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise MalformedPolicyError(f"{element} must not be an empty list.")
    texts: list[str] = []
    for item in values:
        # JSON true and 3600 are allowed as condition values and mean their text.
        if element == "Condition" and isinstance(item, bool | int | float):
            item = json.dumps(item)
        if not isinstance(item, str):
            raise MalformedPolicyError(f"{element} must be text or a list of text.")
        texts.append(item)
    return tuple(texts)

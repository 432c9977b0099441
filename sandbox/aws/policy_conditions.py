"""The Condition element of IAM policies.

Operators: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html.
What is not implemented is an error, never a condition that silently holds or fails.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from sandbox.aws.policy_document import Condition
from sandbox.errors import SandboxError

ContextValue = str | tuple[str, ...] | None
"""A condition key's value in a request: a tuple for a key that has several, None if it has none."""

REQUEST_TAG = "aws:requesttag/"
"""What the keys of the tags in a request begin with; only a request's own tags are in its context."""


class UnsupportedPolicyError(SandboxError):
    """A policy that AWS can evaluate and the sandbox cannot; the request that met it must be refused."""


def condition_holds(condition: Condition, context: Mapping[str, ContextValue]) -> bool:
    """Tell if a condition holds for a request.

    ``context`` maps lower-case condition keys to values, None for a key that the request does not have: then
    an operator without negation fails, a negated one and one with ``IfExists`` hold. A key with several
    values takes ``ForAnyValue:`` and ``ForAllValues:``, and no other one does. Raises UnsupportedPolicyError
    for an unknown operator, a key that is not in ``context``, and a policy variable.
    """
    key = condition.key.lower()
    if key not in context and not key.startswith(REQUEST_TAG):
        raise UnsupportedPolicyError(f"the condition key {condition.key} is not implemented")
    if any("${" in value for value in condition.values):
        raise UnsupportedPolicyError(f"policy variables are not implemented: condition {condition.key}")
    actual = context.get(key)
    if isinstance(actual, tuple):
        return _holds_for_values(condition, actual)
    if condition.operator == "Null":
        return any((actual is None) == (value.lower() == "true") for value in condition.values)
    operator = condition.operator.removesuffix("IfExists")
    if operator not in _OPERATORS:
        raise UnsupportedPolicyError(f"the condition operator {condition.operator} is not implemented")
    compare, negated = _OPERATORS[operator]
    if actual is None:
        return negated or operator != condition.operator
    return any(compare(value, actual) for value in condition.values) != negated


def _holds_for_values(condition: Condition, actual: tuple[str, ...]) -> bool:
    """Compare each value of the request; of no values all are anything, and none is."""
    quantifier, _, operator = condition.operator.rpartition(":")
    if quantifier not in _QUANTIFIERS or operator not in _OPERATORS:
        raise UnsupportedPolicyError(
            f"the condition operator {condition.operator} is not implemented for a key with several values"
        )
    compare, negated = _OPERATORS[operator]
    return _QUANTIFIERS[quantifier](
        any(compare(value, present) for value in condition.values) != negated for present in actual
    )


def matches_pattern(pattern: str, text: str) -> bool:
    """Tell if ``text`` matches an IAM pattern, in which ``*`` is any text and ``?`` any one character."""
    return _expression(pattern).fullmatch(text) is not None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    wildcards = {"*": ".*", "?": "."}
    return re.compile(
        "".join(wildcards.get(character) or re.escape(character) for character in pattern), re.DOTALL
    )


def _equals(value: str, actual: str) -> bool:
    return value == actual


def _equals_ignoring_case(value: str, actual: str) -> bool:
    return value.casefold() == actual.casefold()


def _arn_like(value: str, actual: str) -> bool:
    """ARNs match part by part, so that a wildcard never reaches over a colon."""
    patterns, parts = value.split(":", 5), actual.split(":", 5)
    return len(patterns) == len(parts) == 6 and all(map(matches_pattern, patterns, parts))


_QUANTIFIERS: Mapping[str, Callable[[Iterable[bool]], bool]] = {"ForAnyValue": any, "ForAllValues": all}

_OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (_equals, False),
    "StringNotEquals": (_equals, True),
    "StringEqualsIgnoreCase": (_equals_ignoring_case, False),
    "StringNotEqualsIgnoreCase": (_equals_ignoring_case, True),
    "StringLike": (matches_pattern, False),
    "StringNotLike": (matches_pattern, True),
    "ArnEquals": (_arn_like, False),
    "ArnLike": (_arn_like, False),
    "ArnNotEquals": (_arn_like, True),
    "ArnNotLike": (_arn_like, True),
    "Bool": (_equals_ignoring_case, False),
}
"""Each operator's comparison of a policy's value with the request's, and whether it is negated."""

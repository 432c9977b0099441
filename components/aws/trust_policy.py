"""Judges whether the trust policy of an existing role lets Vault's pods assume it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.aws.pod_trust import PodTrust
from components.aws.policies import Statement


@dataclass(frozen=True)
class Judgement:
    """A trust policy's meaning for Vault's pods."""

    problems: Sequence[str]
    """Why no statement lets the pods assume the role; empty if one does."""
    any_service_account: bool
    """Whether one that does has no condition that names the service account: pods of other ones may assume
    the role, too."""


def judge_trust(policy: str, trust: PodTrust) -> Judgement:
    """Judge the statements that allow, by their principal and by their conditions on what the pods claim.

    Other conditions, and statements that deny, aren't judged: the preflight before the init meets them.
    """
    allowing = [
        each for each in _list(json.loads(policy).get("Statement", [])) if each.get("Effect") == "Allow"
    ]
    problems: list[str] = []
    trusting: list[Statement] = []
    for action in trust.actions:
        of_action = [statement for statement in allowing if _has_action(statement, action)]
        fitting = [statement for statement in of_action if not _problems(statement, trust)]
        trusting += fitting
        if not fitting:
            found = [problem for statement in of_action for problem in _problems(statement, trust)]
            problems += found or [f"no statement allows {action}"]
    limited = all(_is_limited(statement, trust.limiting_key) for statement in trusting)
    return Judgement(tuple(dict.fromkeys(problems)), any_service_account=not problems and not limited)


def _problems(statement: Statement, trust: PodTrust) -> Sequence[str]:
    found: list[str] = []
    principal = statement.get("Principal")
    named = _list(principal.get(trust.principal_kind, [])) if isinstance(principal, Mapping) else []
    if trust.principal not in named:
        what = "provider" if trust.principal_kind == "Federated" else "service"
        shown = ", ".join(map(str, named)) or "nobody's"
        found.append(f"the {what} is {shown}, not {trust.principal}")
    for claim in trust.claims:
        for operator, wanted in _conditions(statement, claim.condition_key):
            if not _holds(operator, claim.value, wanted):
                found.append(
                    f"the {claim.what} has to be {operator} {', '.join(wanted)}, and it is {claim.value}"
                )
    return found


def _has_action(statement: Statement, action: str) -> bool:
    return any(_matches(pattern.lower(), action.lower()) for pattern in _list(statement.get("Action", [])))


def _conditions(statement: Statement, key: str) -> Sequence[tuple[str, Sequence[str]]]:
    """Return the operators and values of the conditions on one key, whose case doesn't matter."""
    return [
        (operator, [str(value) for value in _list(values)])
        for operator, keys in statement.get("Condition", {}).items()
        for name, values in keys.items()
        if name.lower() == key.lower()
    ]


def _is_limited(statement: Statement, key: str) -> bool:
    """Return whether a condition on the key leaves only the values that it names."""
    for operator, wanted in _conditions(statement, key):
        # The other prefix and IfExists let in who has no such key.
        plain = operator.removeprefix("ForAnyValue:")
        if plain in ("StringEquals", "StringEqualsIgnoreCase"):
            return True
        if plain == "StringLike" and not re.search(r"[*?]", "".join(wanted)):
            return True
    return False


def _holds(operator: str, value: str, wanted: Sequence[str]) -> bool:
    """Return whether a condition holds; also true for an operator that isn't one on texts.

    Source: the IAM guide, "Condition operators".
    """
    plain = operator.rpartition(":")[2].removesuffix("IfExists")
    equal = value in wanted
    alike = any(_matches(pattern, value) for pattern in wanted)
    same = value.lower() in [each.lower() for each in wanted]
    return {
        "StringEquals": equal,
        "StringNotEquals": not equal,
        "StringEqualsIgnoreCase": same,
        "StringNotEqualsIgnoreCase": not same,
        "StringLike": alike,
        "StringNotLike": not alike,
    }.get(plain, True)


def _matches(pattern: str, text: str) -> bool:
    """Return whether a text matches a pattern with IAM's two wildcards."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]

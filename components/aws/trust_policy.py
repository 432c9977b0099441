"""Judges whether the trust policy of an existing role lets Vault's pods assume it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.aws.policies import WEB_IDENTITY_AUDIENCE, Statement, service_account_trust

_ACTION = "sts:AssumeRoleWithWebIdentity"


@dataclass(frozen=True)
class PodTrust:
    """The identity of Vault's pods, as a trust policy has to name it."""

    oidc_provider_arn: str
    """ARN of the OIDC provider that vouches for the pods."""
    issuer: str
    """URL of the cluster's OIDC issuer, whose name the conditions carry."""
    namespace: str
    service_account: str

    @property
    def subject(self) -> str:
        """The subject of the pods' tokens."""
        return f"system:serviceaccount:{self.namespace}:{self.service_account}"

    def condition_key(self, claim: str) -> str:
        """Return the condition key of one claim of the tokens, such as `sub`."""
        return f"{self.issuer.removeprefix('https://')}:{claim}"

    def statement(self) -> Statement:
        """Return the statement that lets these pods, and no others, assume the role."""
        return service_account_trust(
            oidc_provider_arn=self.oidc_provider_arn,
            issuer=self.issuer,
            namespace=self.namespace,
            service_account=self.service_account,
        )


@dataclass(frozen=True)
class Judgement:
    """A trust policy's meaning for Vault's pods."""

    problems: Sequence[str]
    """Why none of its statements lets the pods assume the role; empty if one does."""
    any_service_account: bool
    """Whether one that does has no condition on the subject: every pod of the cluster may assume the role."""


def judge_trust(policy: str, trust: PodTrust) -> Judgement:
    """Judge the statements that allow, by their provider, audience and subject.

    Other conditions, and statements that deny, aren't judged: the preflight before the init meets them.
    """
    problems: list[str] = []
    trusting: list[Statement] = []
    for statement in _list(json.loads(policy).get("Statement", [])):
        if statement.get("Effect") != "Allow" or not _has_action(statement):
            continue
        found = _problems(statement, trust)
        problems += [problem for problem in found if problem not in problems]
        if not found:
            trusting.append(statement)
    if trusting:
        subject = trust.condition_key("sub")
        return Judgement((), any_service_account=not all(_conditions(each, subject) for each in trusting))
    return Judgement(problems or [f"no statement allows {_ACTION}"], any_service_account=False)


def _problems(statement: Statement, trust: PodTrust) -> Sequence[str]:
    found: list[str] = []
    principal = statement.get("Principal")
    federated = _list(principal.get("Federated", [])) if isinstance(principal, Mapping) else []
    if trust.oidc_provider_arn not in federated:
        shown = ", ".join(map(str, federated)) or "nobody's"
        found.append(f"the provider is {shown}, not {trust.oidc_provider_arn}")
    for what, claim, value in (
        ("audience", "aud", WEB_IDENTITY_AUDIENCE),
        ("subject", "sub", trust.subject),
    ):
        for operator, wanted in _conditions(statement, trust.condition_key(claim)):
            if not _holds(operator, value, wanted):
                found.append(f"the {what} has to be {operator} {', '.join(wanted)}, and it is {value}")
    return found


def _has_action(statement: Statement) -> bool:
    return any(_matches(pattern.lower(), _ACTION.lower()) for pattern in _list(statement.get("Action", [])))


def _conditions(statement: Statement, key: str) -> Sequence[tuple[str, Sequence[str]]]:
    """Return the operators and values of the conditions on one key, whose case doesn't matter."""
    return [
        (operator, [str(value) for value in _list(values)])
        for operator, keys in statement.get("Condition", {}).items()
        for name, values in keys.items()
        if name.lower() == key.lower()
    ]


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

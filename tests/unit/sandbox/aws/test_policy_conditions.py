"""Condition operators."""

import pytest

from sandbox.aws.policy_conditions import UnsupportedPolicyError, condition_holds, matches_pattern
from sandbox.aws.policy_document import Condition

ARN = "arn:aws:iam::123456789012:role/apps/vault"
CONTEXT = {
    "aws:principalarn": ARN,
    "aws:securetransport": "true",
    "aws:sourcearn": None,
    "aws:requesttag/team": "a",
    "kms:resourcealiases": ("alias/one", "alias/two"),
}


@pytest.mark.parametrize(
    ("operator", "key", "value", "holds"),
    [
        ("StringEquals", "aws:PrincipalArn", ARN, True),
        ("StringEquals", "AWS:principalARN", ARN, True),
        ("StringEquals", "aws:PrincipalArn", ARN.upper(), False),
        ("StringEquals", "aws:PrincipalArn", "arn:*", False),
        ("StringNotEquals", "aws:PrincipalArn", ARN, False),
        ("StringNotEquals", "aws:PrincipalArn", "other", True),
        ("StringEqualsIgnoreCase", "aws:PrincipalArn", ARN.upper(), True),
        ("StringNotEqualsIgnoreCase", "aws:PrincipalArn", ARN.upper(), False),
        ("StringLike", "aws:PrincipalArn", "arn:*/vaul?", True),
        ("StringLike", "aws:PrincipalArn", "arn:*/vaul", False),
        ("StringNotLike", "aws:PrincipalArn", "*vault", False),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/*", True),
        ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::*:role/apps/vault", True),
        ("ArnLike", "aws:PrincipalArn", "arn:*:role/apps/vault", False),
        ("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::*:role/*", False),
        ("ArnNotEquals", "aws:PrincipalArn", "arn:aws:iam::*:user/*", True),
        ("Bool", "aws:SecureTransport", "true", True),
        ("Bool", "aws:SecureTransport", "false", False),
        ("Null", "aws:SourceArn", "true", True),
        ("Null", "aws:PrincipalArn", "true", False),
        ("Null", "aws:PrincipalArn", "false", True),
        ("StringEquals", "aws:SourceArn", ARN, False),
        ("StringNotEquals", "aws:SourceArn", ARN, True),
        ("StringEqualsIfExists", "aws:SourceArn", ARN, True),
        ("StringEqualsIfExists", "aws:PrincipalArn", "other", False),
        ("StringEquals", "aws:RequestTag/team", "a", True),
        ("StringEquals", "aws:RequestTag/team", "b", False),
        ("StringEquals", "aws:RequestTag/owner", "a", False),
        ("ForAnyValue:StringEquals", "kms:ResourceAliases", "alias/two", True),
        ("ForAnyValue:StringEquals", "kms:ResourceAliases", "alias/three", False),
        ("ForAnyValue:StringLike", "kms:ResourceAliases", "alias/t*", True),
        ("ForAnyValue:StringNotEquals", "kms:ResourceAliases", "alias/one", True),
        ("ForAllValues:StringEquals", "kms:ResourceAliases", "alias/one", False),
        ("ForAllValues:StringLike", "kms:ResourceAliases", "alias/*", True),
        ("ForAllValues:StringNotLike", "kms:ResourceAliases", "alias/t*", False),
    ],
)
def test_operators(operator: str, key: str, value: str, holds: bool) -> None:
    assert condition_holds(Condition(operator, key, (value,)), CONTEXT) is holds


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAllValues:StringEquals", True),
        ("ForAllValues:StringNotLike", True),
    ],
)
def test_of_no_values_all_are_anything_and_none_is(operator: str, holds: bool) -> None:
    condition = Condition(operator, "kms:ResourceAliases", ("alias/*",))
    assert condition_holds(condition, {"kms:resourcealiases": ()}) is holds


def test_values_are_alternatives_and_all_are_excluded() -> None:
    assert condition_holds(Condition("StringEquals", "aws:PrincipalArn", ("other", ARN)), CONTEXT)
    assert not condition_holds(Condition("StringNotEquals", "aws:PrincipalArn", ("other", ARN)), CONTEXT)


@pytest.mark.parametrize(
    ("operator", "key", "value", "named"),
    [
        ("IpAddress", "aws:PrincipalArn", "10.0.0.0/8", "IpAddress"),
        ("ForAnyValue:StringEquals", "aws:PrincipalArn", ARN, "ForAnyValue:StringEquals"),
        ("StringEquals", "aws:ResourceTag/team", "a", "aws:ResourceTag/team"),
        ("StringEquals", "aws:PrincipalArn", "${aws:username}", "policy variables"),
        ("StringEquals", "kms:ResourceAliases", "alias/one", "several values"),
        ("ForSomeValues:StringEquals", "kms:ResourceAliases", "alias/one", "several values"),
        ("ForAllValues:IpAddress", "kms:ResourceAliases", "alias/one", "several values"),
    ],
)
def test_what_is_not_implemented_is_refused(operator: str, key: str, value: str, named: str) -> None:
    with pytest.raises(UnsupportedPolicyError, match=named):
        condition_holds(Condition(operator, key, (value,)), CONTEXT)


def test_patterns_have_two_wildcards_and_nothing_else() -> None:
    assert matches_pattern("a*c", "abbbc")
    assert matches_pattern("a?c", "abc")
    assert not matches_pattern("a?c", "ac")
    assert not matches_pattern("a.c", "abc")
    assert not matches_pattern("[a]", "a")
    assert not matches_pattern("a", "ab")

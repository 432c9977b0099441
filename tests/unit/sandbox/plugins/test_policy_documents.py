"""Equivalence of IAM policy documents."""

import json

import pytest

from sandbox.plugins.aws.policy_documents import equivalent


def policy(*statements: dict[str, object]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


BASE: dict[str, object] = {
    "Effect": "Allow",
    "Action": ["kms:Encrypt", "kms:Decrypt"],
    "Resource": "arn:aws:kms:eu-west-1:123456789012:key/k",
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Condition": {"StringEquals": {"aws:PrincipalArn": "r"}, "Bool": {"aws:SecureTransport": "true"}},
}


@pytest.mark.parametrize(
    "other",
    [
        {**BASE, "Action": ["kms:Decrypt", "kms:Encrypt"]},
        {**BASE, "Resource": [BASE["Resource"]]},
        {**BASE, "Principal": {"AWS": ["123456789012"]}},
        {
            **BASE,
            "Condition": {"Bool": {"aws:SecureTransport": True}, "StringEquals": {"aws:PrincipalArn": ["r"]}},
        },
        dict(reversed(BASE.items())),
    ],
)
def test_the_same_meaning_in_other_words(other: dict[str, object]) -> None:
    assert equivalent(policy(BASE), policy(other))


def test_white_space_and_statement_order_do_not_matter() -> None:
    second = {**BASE, "Effect": "Deny"}
    indented = json.dumps(json.loads(policy(BASE, second)), indent=2)

    assert equivalent(indented, policy(second, BASE))


def test_a_single_statement_needs_no_list() -> None:
    assert equivalent(policy(BASE), json.dumps({"Version": "2012-10-17", "Statement": BASE}))


@pytest.mark.parametrize(
    "other",
    [
        {**BASE, "Action": ["kms:Encrypt"]},
        {**BASE, "Effect": "Deny"},
        {**BASE, "Principal": {"AWS": "arn:aws:iam::123456789012:user/u"}},
        {**BASE, "Condition": {"StringLike": {"aws:PrincipalArn": "r"}}},
        {**BASE, "Sid": "named"},
    ],
)
def test_another_meaning_is_a_difference(other: dict[str, object]) -> None:
    assert not equivalent(policy(BASE), policy(other))


def test_what_is_no_json_is_the_same_only_as_itself() -> None:
    assert equivalent("x", "x")
    assert not equivalent("x", policy(BASE))

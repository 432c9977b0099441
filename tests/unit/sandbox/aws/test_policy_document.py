"""Reading policy documents."""

import json

import pytest

from sandbox.aws.policy_document import Condition, MalformedPolicyError, Principals, parse_policy


def test_single_values_and_lists_are_the_same() -> None:
    single = {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": {"AWS": "a"}}
    listed = [{"Effect": "Allow", "Action": ["kms:*"], "Resource": ["*"], "Principal": {"AWS": ["a"]}}]
    assert parse_policy(json.dumps({"Statement": single})) == parse_policy(json.dumps({"Statement": listed}))


def test_everyone_can_be_written_in_two_ways() -> None:
    for principal in ("*", {"AWS": "*"}):
        statement = {"Effect": "Deny", "Action": "kms:*", "Principal": principal}
        (parsed,) = parse_policy(json.dumps({"Statement": statement})).statements
        assert parsed.principals == Principals(anyone=True)


def test_condition_values_may_be_json_values() -> None:
    condition = {"Bool": {"aws:SecureTransport": True}, "StringEquals": {"a": ["b", "c"]}}
    statement = {"Effect": "Allow", "Action": "kms:*", "Condition": condition}
    (parsed,) = parse_policy(json.dumps({"Statement": statement})).statements
    assert parsed.conditions == (
        Condition("Bool", "aws:SecureTransport", ("true",)),
        Condition("StringEquals", "a", ("b", "c")),
    )


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("", "not valid JSON"),
        ("[]", "JSON object"),
        ("{}", "no Statement"),
        ('{"Statement": []}', "no Statement"),
        ('{"Version": "2020-01-01", "Statement": {}}', "Version"),
        ('{"Statment": {}}', "Statment"),
        ('{"Statement": {"Effect": "allow", "Action": "a"}}', "Effect"),
        ('{"Statement": {"Effect": "Allow"}}', "Action"),
        ('{"Statement": {"Effect": "Allow", "Action": []}}', "Action"),
        ('{"Statement": {"Effect": "Allow", "Action": null}}', "Action"),
        ('{"Statement": {"Effect": "Allow", "Action": [], "Resource": "*"}}', "Action"),
        ('{"Statement": {"Effect": "Allow", "Action": "a", "NotAction": "b"}}', "NotAction"),
        ('{"Statement": {"Effect": "Allow", "Action": 1}}', "Action"),
        ('{"Statement": {"Effect": "Allow", "Action": "a", "Actions": "a"}}', "Actions"),
        ('{"Statement": {"Effect": "Allow", "Action": "a", "NotPrincipal": "*"}}', "NotPrincipal"),
        ('{"Statement": {"Effect": "Allow", "Action": "a", "Principal": "a"}}', "Principal"),
        (
            '{"Statement": {"Effect": "Allow", "Action": "a", "Principal": {"CanonicalUser": "a"}}}',
            "Canonical",
        ),
        (
            '{"Statement": {"Effect": "Allow", "Action": "a", "Condition": {"StringEquals": "a"}}}',
            "StringEquals",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(document: str, problem: str) -> None:
    with pytest.raises(MalformedPolicyError, match=problem):
        parse_policy(document)

"""What is too wide in policy documents of AWS."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from components.aws.policies import (
    KEY_ADMINISTRATION_ACTIONS,
    pod_identity_trust,
    service_account_trust,
    unseal_key_policy,
)
from policy.guardrails.statements import (
    UnreadableDocumentError,
    allowing_statements,
    is_wide,
    loose_trust,
    open_principals,
    wide_actions,
    wide_resources,
)

Judge = Callable[[Mapping[str, Any]], Iterator[str]]
ISSUER = "https://oidc.eks.eu-central-1.amazonaws.com/id/0123"
IRSA: Mapping[str, Any] = dict(
    service_account_trust(
        oidc_provider_arn="arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0123",
        issuer=ISSUER,
        namespace="vault",
        service_account="vault",
    )
)
PODS: Mapping[str, Any] = dict(
    pod_identity_trust(
        cluster_arn="arn:aws:eks:eu-central-1:123456789012:cluster/prod",
        namespace="vault",
        service_account="vault",
    )
)
SUBJECT = f"{ISSUER.removeprefix('https://')}:sub"


def with_subject(operator: str, subject: object) -> Mapping[str, Any]:
    exact = {key: value for key, value in IRSA["Condition"]["StringEquals"].items() if key != SUBJECT}
    conditions: dict[str, Any] = {"StringEquals": exact}
    conditions[operator] = {**conditions.get(operator, {}), SUBJECT: subject}
    return {**IRSA, "Condition": conditions}


@pytest.mark.parametrize(
    ("judge", "statement", "wide"),
    [
        (wide_actions, {"Action": "kms:Decrypt"}, False),
        (wide_actions, {"Action": list(KEY_ADMINISTRATION_ACTIONS)}, False),
        (wide_actions, {"Action": ["kms:Decrypt", "kms:Describe*"]}, True),
        (wide_actions, {"Action": "*"}, True),
        (wide_actions, {"NotAction": "kms:Decrypt"}, True),
        (wide_resources, {"Resource": "arn:aws:kms:eu-central-1:1:key/11"}, False),
        (wide_resources, {"Resource": ["arn:aws:kms:eu-central-1:1:key/11", "*"]}, True),
        (wide_resources, {"NotResource": "arn:aws:kms:eu-central-1:1:key/11"}, True),
        (open_principals, {"Principal": {"AWS": "arn:aws:iam::1:root"}}, False),
        (open_principals, {"Principal": "*"}, True),
        (open_principals, {"Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}}, True),
        (open_principals, {"Principal": "*", "Condition": {"StringEquals": {"a": "b"}}}, False),
        (open_principals, {"NotPrincipal": {"AWS": "arn:aws:iam::1:root"}}, True),
        (loose_trust, IRSA, False),
        (loose_trust, PODS, False),
        (loose_trust, with_subject("StringLike", "system:serviceaccount:vault:*"), True),
        (loose_trust, with_subject("StringLike", "system:serviceaccount:vault:vault"), False),
        (loose_trust, with_subject("StringEquals", ["a", "b"]), True),
        (loose_trust, with_subject("StringNotEquals", "a"), True),
        (loose_trust, {key: value for key, value in IRSA.items() if key != "Condition"}, True),
        (loose_trust, {key: value for key, value in PODS.items() if key != "Condition"}, True),
        (loose_trust, {"Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "sts:AssumeRole"}, True),
        (loose_trust, {"Principal": {"AWS": "arn:aws:iam::1:role/ci"}, "Action": "sts:AssumeRole"}, False),
        (loose_trust, {"Principal": "*", "Action": "sts:AssumeRole"}, True),
        (loose_trust, {**IRSA, "Action": "sts:*"}, True),
    ],
)
def test_judgement(judge: Judge, statement: Mapping[str, Any], wide: bool) -> None:
    assert bool(list(judge(statement))) is wide


@pytest.mark.parametrize(
    ("arn", "wide"),
    [
        ("*", True),
        ("arn:aws:kms:eu-central-1:123456789012:key/11111111-2222", False),
        ("arn:aws:kms:*:123456789012:key/mrk-1", False),
        ("arn:aws:kms:eu-central-1:123456789012:key/*", True),
        ("arn:aws:kms:eu-central-1:*:key/11", True),
        ("arn:aws:secretsmanager:eu-central-1:123456789012:secret:vault/init-??????", False),
        ("arn:aws:secretsmanager:eu-central-1:123456789012:secret:*", True),
        ("arn:aws:s3:::vault-snapshots/prod/*", False),
        ("arn:aws:s3:::*", True),
        ("arn:aws:s3:::vault-*/x", True),
        ("arn:aws:*:::x", True),
    ],
)
def test_wildcard_counts_where_the_name_begins(arn: str, wide: bool) -> None:
    assert is_wide(arn) is wide


def test_statements_are_numbered_and_denials_left_out() -> None:
    statements = [{"Effect": "Deny"}, {"Effect": "Allow", "Action": "a"}]
    assert [number for number, _ in allowing_statements(json.dumps({"Statement": statements}))] == [2]
    assert [number for number, _ in allowing_statements({"Statement": statements[1]})] == [1]
    key_policy = unseal_key_policy(partition="aws", account_id="1", principal_arn="arn:aws:iam::1:role/vault")
    assert [number for number, _ in allowing_statements(key_policy)] == [1, 2]


@pytest.mark.parametrize("document", ["hush", "[]", 7, '{"Statement": ["hush"]}'])
def test_what_is_no_document_is_told_without_it(document: object) -> None:
    with pytest.raises(UnreadableDocumentError) as raised:
        list(allowing_statements(document))
    assert "hush" not in str(raised.value)
    assert raised.value.__cause__ is None

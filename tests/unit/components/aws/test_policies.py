"""The IAM documents: what they allow, what they don't, and what a linter says."""

import json
from typing import Any

import pytest
from parliament import analyze_policy_string  # type: ignore[import-untyped]  # it ships no types

from components.aws.pod_trust import IrsaTrust, PodIdentityTrust
from components.aws.policies import (
    role_arn,
    unseal_key_policy,
    unseal_policy,
)
from tests.unit.aws_actions import KEY_ADMINISTRATION

ACCOUNT = "123456789012"
PARTITIONS = {"aws": "eu-central-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
USE = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"]


def key_arn(partition: str) -> str:
    return f"arn:{partition}:kms:{PARTITIONS[partition]}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"


def trust_policy() -> str:
    return IrsaTrust(
        f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/AB",
        "https://oidc.eks.eu-central-1.amazonaws.com/id/AB",
        "secrets",
        "unsealer",
    ).policy()


def key_policy(partition: str = "aws") -> str:
    return unseal_key_policy(
        partition=partition,
        account_id=ACCOUNT,
        principal_arn=f"arn:{partition}:iam::{ACCOUNT}:role/vault",
    )


def findings(document: str) -> set[str]:
    return {str(finding.issue) for finding in analyze_policy_string(document).findings}


def statements(document: str) -> list[Any]:
    parsed = json.loads(document)
    assert parsed["Version"] == "2012-10-17"
    found: list[Any] = parsed["Statement"]
    return found


@pytest.mark.parametrize("partition", PARTITIONS)
def test_linter_finds_nothing_in_the_roles_policy(partition: str) -> None:
    assert findings(unseal_policy(key_arn=key_arn(partition))) == set()


def test_linter_finds_a_wrong_resource() -> None:
    assert findings(unseal_policy(key_arn="arn:aws:s3:::bucket")) == {"RESOURCE_MISMATCH"}


@pytest.mark.parametrize("partition", PARTITIONS)
def test_linter_finds_nothing_else_in_the_key_policy(partition: str) -> None:
    """In a key policy the resource `*` is the key that the policy is on; the linter takes it for all keys."""
    assert findings(key_policy(partition)) == {"RESOURCE_STAR"}


def test_linter_finds_nothing_else_in_the_trust_policy() -> None:
    """The linter knows identity policies, which have a resource, and no OIDC provider but SAML's."""
    assert findings(trust_policy()) == {"MALFORMED", "UNKNOWN_FEDERATION_SOURCE"}
    (statement,) = statements(trust_policy())
    with_resource = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": "*"}]}
    assert "MALFORMED" not in findings(json.dumps(with_resource))


@pytest.mark.parametrize("partition", PARTITIONS)
def test_role_may_use_one_key_and_nothing_else(partition: str) -> None:
    (statement,) = statements(unseal_policy(key_arn=key_arn(partition)))
    del statement["Sid"]
    assert statement == {"Effect": "Allow", "Action": USE, "Resource": key_arn(partition)}


def test_linter_finds_nothing_but_the_missing_resource_in_the_trust_in_eks() -> None:
    cluster = f"arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/prod"
    assert findings(PodIdentityTrust(cluster, "secrets", "unsealer").policy()) == {"MALFORMED"}


def test_trust_compares_subject_and_audience_in_full() -> None:
    (statement,) = statements(trust_policy())
    del statement["Sid"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {
            "Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/AB"
        },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                "oidc.eks.eu-central-1.amazonaws.com/id/AB:aud": "sts.amazonaws.com",
                "oidc.eks.eu-central-1.amazonaws.com/id/AB:sub": "system:serviceaccount:secrets:unsealer",
            }
        },
    }


@pytest.mark.parametrize("partition", PARTITIONS)
def test_key_is_used_by_the_role_alone(partition: str) -> None:
    allowing_use = [
        statement
        for statement in statements(key_policy(partition))
        if set(statement["Action"]) & set(USE[::2])
    ]
    assert [statement["Condition"] for statement in allowing_use] == [
        {"StringEquals": {"aws:PrincipalArn": f"arn:{partition}:iam::{ACCOUNT}:role/vault"}}
    ]
    assert allowing_use[0]["Action"] == USE


@pytest.mark.parametrize("partition", PARTITIONS)
def test_every_principal_is_the_account_itself(partition: str) -> None:
    """KMS refuses a policy that names a principal which doesn't exist yet."""
    principals = [statement["Principal"] for statement in statements(key_policy(partition))]
    assert principals == [{"AWS": f"arn:{partition}:iam::{ACCOUNT}:root"}] * 2


def test_account_administers_the_key_without_using_it() -> None:
    (administration,) = [entry for entry in statements(key_policy()) if "Condition" not in entry]
    actions = administration["Action"]
    assert sorted(actions) == sorted(KEY_ADMINISTRATION)
    assert not [action for action in actions if "*" in action]
    use = ("Encrypt", "Decrypt", "GenerateDataKey", "Sign", "Verify", "CreateGrant")
    assert not [action for action in actions if action.removeprefix("kms:").startswith((*use, "ReEncrypt"))]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", f"arn:aws-cn:iam::{ACCOUNT}:role/vault"),
        ("/team/blue/", f"arn:aws-cn:iam::{ACCOUNT}:role/team/blue/vault"),
    ],
)
def test_role_arn(path: str, expected: str) -> None:
    assert role_arn(partition="aws-cn", account_id=ACCOUNT, path=path, name="vault") == expected

"""The policies of the keys' secret and of its KMS key: whom they let in, and what a linter says."""

import json
from typing import Any

from parliament import analyze_policy_string  # type: ignore[import-untyped]  # it ships no types

from components.aws.policies import secret_key_policy, secret_key_statement, secret_policy
from tests.unit.aws_actions import KEY_ADMINISTRATION

ACCOUNT = "123456789012"
READERS = (f"arn:aws:iam::{ACCOUNT}:role/deployer", f"arn:aws:iam::{ACCOUNT}:user/keeper")


def statements(document: str) -> list[Any]:
    parsed = json.loads(document)
    assert parsed["Version"] == "2012-10-17"
    found: list[Any] = parsed["Statement"]
    return found


def key_policy() -> str:
    return secret_key_policy(partition="aws", account_id=ACCOUNT, region="eu-central-1", readers=READERS)


def findings(document: str) -> set[str]:
    return {str(finding.issue) for finding in analyze_policy_string(document).findings}


def test_everybody_but_the_readers_is_kept_from_the_value() -> None:
    (statement,) = statements(secret_policy(readers=READERS))
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": list(READERS)}}
    assert "secretsmanager:GetSecretValue" in statement["Action"]
    assert "secretsmanager:PutSecretValue" in statement["Action"]


def test_nobody_is_kept_from_administration() -> None:
    (statement,) = statements(secret_policy(readers=READERS))
    ways_back = {"DescribeSecret", "DeleteSecret", "RestoreSecret", "PutResourcePolicy", "GetResourcePolicy"}
    ways_back |= {"DeleteResourcePolicy", "TagResource", "UntagResource"}
    assert not {f"secretsmanager:{action}" for action in ways_back} & set(statement["Action"])
    assert not any("*" in action for action in statement["Action"])


def test_the_account_administers_the_key_and_does_not_use_it() -> None:
    administration, use = statements(key_policy())
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert administration["Principal"] == use["Principal"] == root
    assert set(administration["Action"]) == KEY_ADMINISTRATION
    assert not set(administration["Action"]) & set(use["Action"])


def test_the_readers_use_the_key_by_way_of_secrets_manager_alone() -> None:
    use = statements(key_policy())[1]
    assert use["Condition"] == {
        "StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"},
        "ArnEquals": {"aws:PrincipalArn": list(READERS)},
    }
    assert set(use["Action"]) == {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"}


def test_secrets_manager_has_either_name_in_other_partitions() -> None:
    statement = secret_key_statement(
        partition="aws-cn", account_id=ACCOUNT, region="cn-north-1", readers=READERS
    )
    names = ["secretsmanager.cn-north-1.amazonaws.com", "secretsmanager.cn-north-1.amazonaws.com.cn"]
    assert statement["Condition"]["StringEquals"] == {"kms:ViaService": names}


def test_the_statement_for_a_shared_key_is_that_of_the_own_key() -> None:
    statement = secret_key_statement(
        partition="aws", account_id=ACCOUNT, region="eu-central-1", readers=READERS
    )
    assert statements(key_policy())[1] == statement


def test_linter_finds_nothing_in_the_secrets_policy() -> None:
    assert findings(secret_policy(readers=READERS)) == set()
    wrong = secret_policy(readers=READERS).replace("GetSecretValue", "GetSecretValues")
    assert findings(wrong) == {"UNKNOWN_ACTION"}


def test_linter_finds_nothing_else_in_the_keys_policy() -> None:
    """In a key policy the resource `*` is the key that the policy is on; the linter takes it for all keys."""
    assert findings(key_policy()) == {"RESOURCE_STAR"}

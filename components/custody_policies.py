"""The policies of the AWS secret that holds the keys, and of the KMS key that it is encrypted with."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from components.iam_policies import KEY_ADMINISTRATION_ACTIONS, POLICY_VERSION

VALUE_ACTIONS: Sequence[str] = (
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecret",
    "secretsmanager:UpdateSecretVersionStage",
)
"""What tells, replaces or moves the value of a secret; the rest is administration."""

SECRET_KEY_ACTIONS: Sequence[str] = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
"""What Secrets Manager does with a key on the caller's behalf; Encrypt when the secret gets another key.

Source: the Secrets Manager guide, "Secret encryption and decryption".
"""


def secret_policy(*, readers: Sequence[str]) -> str:
    """The secret's resource policy: nobody but ``readers`` (ARNs) comes near the value.

    It only denies: a reader needs the right in a policy of his own, too. Who administers the account can
    still describe and delete the secret and change this policy, so nobody is locked out. The readers are
    named by condition, for Secrets Manager refuses a principal that doesn't exist.
    """
    return _document(
        {
            "Sid": "OnlyReadersReachValue",
            "Effect": "Deny",
            "Principal": "*",
            "Action": list(VALUE_ACTIONS),
            "Resource": "*",
            "Condition": {"ArnNotEquals": {"aws:PrincipalArn": list(readers)}},
        }
    )


def secret_key_policy(*, partition: str, account_id: str, region: str, readers: Sequence[str]) -> str:
    """The policy of a key of the secret's own: the account administers it, the readers use it."""
    return _document(
        {
            "Sid": "AccountAdministersKey",
            "Effect": "Allow",
            "Principal": _account(partition, account_id),
            "Action": list(KEY_ADMINISTRATION_ACTIONS),
            "Resource": "*",
        },
        secret_key_statement(partition=partition, account_id=account_id, region=region, readers=readers),
    )


def secret_key_statement(
    *, partition: str, account_id: str, region: str, readers: Sequence[str]
) -> Mapping[str, Any]:
    """Lets the readers use a key for secrets of Secrets Manager in ``region``, and for nothing else.

    As a statement, for the policy of a key that has other users, too.
    """
    return {
        "Sid": "ReadersUseKeyForSecrets",
        "Effect": "Allow",
        "Principal": _account(partition, account_id),
        "Action": list(SECRET_KEY_ACTIONS),
        "Resource": "*",
        "Condition": {
            "StringEquals": {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"},
            "ArnEquals": {"aws:PrincipalArn": list(readers)},
        },
    }


def _account(partition: str, account_id: str) -> Mapping[str, str]:
    return {"AWS": f"arn:{partition}:iam::{account_id}:root"}


def _document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": POLICY_VERSION, "Statement": list(statements)}, indent=2)

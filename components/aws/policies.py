"""The IAM documents of the unseal key and of the role that uses it, as pure functions."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

POLICY_VERSION = "2012-10-17"

UNSEAL_ACTIONS: Sequence[str] = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt")
"""What the awskms seal calls. Source: Vault's document on the `awskms` seal, "Authentication"."""

KEY_ADMINISTRATION_ACTIONS: Sequence[str] = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
"""Administration without use: with `kms:*` any principal of the account with a wide policy could decrypt."""

WEB_IDENTITY_AUDIENCE = "sts.amazonaws.com"


def role_arn(*, partition: str, account_id: str, path: str, name: str) -> str:
    """The ARN that a role of this name has or will have."""
    return f"arn:{partition}:iam::{account_id}:role{path}{name}"


def unseal_key_policy(
    *,
    partition: str,
    account_id: str,
    vault_role_arn: str,
    further_statements: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The key policy: the account administers the key, only Vault's role uses it.

    ``further_statements`` are for uses besides unsealing.

    The role is named by condition and not as principal: KMS refuses a principal that doesn't exist yet, and
    turns one that is deleted into a dead identifier, which a role made again under the same name
    doesn't match. Source: the KMS guide, "Key policies", and the IAM guide on `aws:PrincipalArn`.
    """
    account = _account(partition, account_id)
    return document(
        {
            "Sid": "AccountAdministersKey",
            "Effect": "Allow",
            "Principal": account,
            "Action": list(KEY_ADMINISTRATION_ACTIONS),
            "Resource": "*",
        },
        {
            "Sid": "VaultRoleUsesKey",
            "Effect": "Allow",
            "Principal": account,
            "Action": list(UNSEAL_ACTIONS),
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalArn": vault_role_arn}},
        },
        *further_statements,
    )


def service_account_trust_policy(
    *, oidc_provider_arn: str, issuer: str, namespace: str, service_account: str
) -> str:
    """Lets the pods of one service account assume the role, and nobody else.

    Both `sub` and `aud` are compared in full. ``issuer`` is the cluster's OIDC issuer URL.
    Source: the EKS guide, "IAM roles for service accounts".
    """
    provider = issuer.removeprefix("https://")
    return document(
        {
            "Sid": "VaultPodsAssumeRole",
            "Effect": "Allow",
            "Principal": {"Federated": oidc_provider_arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{provider}:aud": WEB_IDENTITY_AUDIENCE,
                    f"{provider}:sub": f"system:serviceaccount:{namespace}:{service_account}",
                }
            },
        }
    )


def unseal_policy(*, key_arn: str) -> str:
    """What Vault's role may do: use this one key."""
    return document(
        {
            "Sid": "UseUnsealKey",
            "Effect": "Allow",
            "Action": list(UNSEAL_ACTIONS),
            "Resource": key_arn,
        }
    )


Statement = Mapping[str, Any]
Condition = Mapping[str, Mapping[str, str]]

KEY_READS = (
    "kms:DescribeKey",  # state and description; after a deletion, until it is scheduled
    "kms:GetKeyPolicy",  # the key policy, also until a new one has spread
    "kms:GetKeyRotationStatus",  # rotation, also until a change of it has spread
    "kms:ListResourceTags",  # tags, also until new ones have spread
)


def allow(
    sid: str, actions: Sequence[str], resource: str | Sequence[str], condition: Condition | None = None
) -> Statement:
    """A statement that allows each action on each resource."""
    statement: Statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": sorted(actions),
        "Resource": resource,
    }
    return {**statement, "Condition": condition} if condition else statement


def document(*statements: Statement) -> str:
    """The statements as a policy."""
    return json.dumps({"Version": POLICY_VERSION, "Statement": list(statements)}, indent=2)


def in_region(region: str) -> Condition:
    """For an action that takes no resource."""
    return {"StringEquals": {"aws:RequestedRegion": region}}


def of_alias(alias: str) -> Condition:
    """For actions on the key that has this alias; changes of aliases count after up to five minutes.

    Source: the KMS guide, "Use aliases to control access to KMS keys".
    """
    return {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}


def kind_of_key(region: str) -> Condition:
    """For `kms:CreateKey`, which takes no resource: the one kind of key that the program makes."""
    return {
        "StringEquals": {
            "aws:RequestedRegion": region,
            "kms:KeySpec": "SYMMETRIC_DEFAULT",
            "kms:KeyUsage": "ENCRYPT_DECRYPT",
        },
        "Bool": {"kms:BypassPolicyLockoutSafetyCheck": "false"},
    }


def with_tags(tags: Mapping[str, str]) -> Condition:
    """For the right to tag, which the creation of a key with tags needs, too.

    As the request has to have all of these tags at once, it is of little use for getting at keys that are
    told by their tags.
    """
    return {"StringEquals": {f"aws:RequestTag/{key}": value for key, value in tags.items()}}


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
    return document(
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
    return document(
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

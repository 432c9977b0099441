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
    account = {"AWS": f"arn:{partition}:iam::{account_id}:root"}
    return _document(
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
    return _document(
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
    return _document(
        {
            "Sid": "UseUnsealKey",
            "Effect": "Allow",
            "Action": list(UNSEAL_ACTIONS),
            "Resource": key_arn,
        }
    )


def _document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": POLICY_VERSION, "Statement": list(statements)}, indent=2)

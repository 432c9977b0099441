"""Builds the policy documents of the unseal key, the role that uses it and the secret, as pure functions."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from components.aws.partitions import service_names

POLICY_VERSION = "2012-10-17"

Statement = Mapping[str, Any]
Condition = Mapping[str, Mapping[str, str | Sequence[str]]]

UNSEAL_ACTIONS: Sequence[str] = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt")
"""Actions of the awskms seal. Source: Vault's document on the `awskms` seal, "Authentication"."""

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
"""Audience of the tokens that EKS gives to pods, in every partition: in China, too, it isn't STS's address.

Source: aws/amazon-eks-pod-identity-webhook, `--token-audience`; eksctl-io/eksctl#1910.
"""
WEB_IDENTITY_ACTION = "sts:AssumeRoleWithWebIdentity"

POD_IDENTITY_SERVICE = "pods.eks.amazonaws.com"
"""The principal that assumes roles for EKS Pod Identity, and the audience of the pods' tokens."""
POD_IDENTITY_AGENT = "eks-pod-identity-agent"
"""The EKS add-on through which pods get the credentials of EKS Pod Identity."""
POD_IDENTITY_ACTIONS: Sequence[str] = ("sts:AssumeRole", "sts:TagSession")


def role_arn(*, partition: str, account_id: str, path: str, name: str) -> str:
    """Return the ARN that a role of this name has."""
    return f"arn:{partition}:iam::{account_id}:role{path}{name}"


def unseal_key_policy(
    *,
    partition: str,
    account_id: str,
    principal_arn: str,
    principal_exists: bool = False,
    further_statements: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the key policy: the account administers the key, only Vault's role or user uses it.

    ``further_statements`` are for uses besides unsealing.

    The role is named in a condition instead of as the principal: KMS refuses a principal that doesn't exist
    yet, and turns a deleted one into a dead identifier, which a new role of the same name doesn't match.
    Such a statement also needs a policy of the role. A role or user that isn't the stack's
    (``principal_exists``) gets none, so it is the principal and needs none. Source: the KMS guide, "Key
    policies", and the IAM guide on
    `aws:PrincipalArn`.
    """
    account = _account(partition, account_id)
    use: Statement = {
        "Sid": "VaultRoleUsesKey",
        "Effect": "Allow",
        "Principal": {"AWS": principal_arn} if principal_exists else account,
        "Action": list(UNSEAL_ACTIONS),
        "Resource": "*",
    }
    named = {"Condition": {"StringEquals": {"aws:PrincipalArn": principal_arn}}}
    return document(
        _administration(account),
        use if principal_exists else {**use, **named},
        *further_statements,
    )


def service_account_trust(
    *, oidc_provider_arn: str, issuer: str, namespace: str, service_account: str
) -> Statement:
    """Return the statement that lets only the pods of one service account assume the role (IRSA).

    Both `sub` and `aud` are compared in full. ``issuer`` is the cluster's OIDC issuer URL.
    Source: the EKS guide, "IAM roles for service accounts".
    """
    provider = issuer.removeprefix("https://")
    return {
        "Sid": "VaultPodsAssumeRole",
        "Effect": "Allow",
        "Principal": {"Federated": oidc_provider_arn},
        "Action": WEB_IDENTITY_ACTION,
        "Condition": {
            "StringEquals": {
                f"{provider}:aud": WEB_IDENTITY_AUDIENCE,
                f"{provider}:sub": f"system:serviceaccount:{namespace}:{service_account}",
            }
        },
    }


def pod_identity_tags(cluster_arn: str, namespace: str, service_account: str) -> Mapping[str, str]:
    """Return what EKS Pod Identity says of the pods, by the condition keys of these session tags.

    Source: the EKS guide, "Grant Pods access to AWS resources based on tags".
    """
    return {
        "aws:RequestTag/eks-cluster-arn": cluster_arn,
        "aws:RequestTag/kubernetes-namespace": namespace,
        "aws:RequestTag/kubernetes-service-account": service_account,
    }


def pod_identity_trust(*, cluster_arn: str, namespace: str, service_account: str) -> Statement:
    """Return the statement that lets EKS assume the role for the pods of one service account alone.

    Source: the EKS guide, "Create IAM role with trust policy required by EKS Pod Identity".
    """
    return {
        "Sid": "EksAssumesRoleForVaultPods",
        "Effect": "Allow",
        "Principal": {"Service": POD_IDENTITY_SERVICE},
        "Action": list(POD_IDENTITY_ACTIONS),
        "Condition": {"StringEquals": pod_identity_tags(cluster_arn, namespace, service_account)},
    }


def unseal_policy(*, key_arn: str) -> str:
    """Return the policy of Vault's role: it may use this one key."""
    return document(
        {
            "Sid": "UseUnsealKey",
            "Effect": "Allow",
            "Action": list(UNSEAL_ACTIONS),
            "Resource": key_arn,
        }
    )


KEY_READS = (
    "kms:DescribeKey",  # state and description; after a deletion, until it is scheduled
    "kms:GetKeyPolicy",  # the key policy, also until a new one has spread
    "kms:GetKeyRotationStatus",  # rotation, also until a change of it has spread
    "kms:ListResourceTags",  # tags, also until new ones have spread
)


def allow(
    sid: str, actions: Sequence[str], resource: str | Sequence[str], condition: Condition | None = None
) -> Statement:
    """Return a statement that allows each action on each resource."""
    statement: Statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": sorted(actions),
        "Resource": resource,
    }
    return {**statement, "Condition": condition} if condition else statement


def document(*statements: Statement) -> str:
    """Return the policy document of these statements."""
    return json.dumps({"Version": POLICY_VERSION, "Statement": list(statements)}, indent=2)


def in_region(region: str) -> Condition:
    """Return the condition of a region, for an action that takes no resource."""
    return {"StringEquals": {"aws:RequestedRegion": region}}


def of_alias(alias: str) -> Condition:
    """Return the condition of an alias, for actions on its key; new aliases count after up to five minutes.

    Source: the KMS guide, "Use aliases to control access to KMS keys".
    """
    return {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}


def of_no_other_alias(alias: str) -> Condition:
    """Return the condition that a key has no alias but this one, for actions on a key that is being created.

    A key without any alias meets it, so it holds before the key is named, while AWS's check of a new key
    policy asks for the right to change it, and while a new alias doesn't count yet. Source: the IAM guide,
    "Set operators for multivalued context keys".
    """
    return {"ForAllValues:StringEquals": {"kms:ResourceAliases": alias}}


def of_no_alias() -> Condition:
    """Return the condition that a key has no alias, for actions on a key that never gets one."""
    return {"ForAllValues:StringNotLike": {"kms:ResourceAliases": "*"}}


def kind_of_key(region: str) -> Condition:
    """Return the condition for `kms:CreateKey`, which takes no resource: only this kind of key.

    The provider sends no word on the safety check, and such a request doesn't have its condition key.
    """
    return {
        "StringEquals": {
            "aws:RequestedRegion": region,
            "kms:KeySpec": "SYMMETRIC_DEFAULT",
            "kms:KeyUsage": "ENCRYPT_DECRYPT",
        },
        "BoolIfExists": {"kms:BypassPolicyLockoutSafetyCheck": "false"},
    }


VALUE_ACTIONS: Sequence[str] = (
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecret",
    "secretsmanager:UpdateSecretVersionStage",
)
"""Actions that read, replace or move the value of a secret; all others are administration."""

SECRET_KEY_ACTIONS: Sequence[str] = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
"""Actions of Secrets Manager on the caller's behalf; Encrypt when the secret gets another key.

Source: the Secrets Manager guide, "Secret encryption and decryption".
"""


def secret_policy(*, readers: Sequence[str]) -> str:
    """Return the secret's resource policy: nobody but ``readers`` (ARNs) may access the value.

    It only denies: a reader needs an allow in an identity policy, too. An administrator of the account can
    still describe and delete the secret and change this policy, so nobody is locked out. A condition names
    the readers, as Secrets Manager refuses a principal that doesn't exist.
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
    """Return the policy of a key for one secret: the account administers it, the readers use it."""
    return document(
        _administration(_account(partition, account_id)),
        secret_key_statement(partition=partition, account_id=account_id, region=region, readers=readers),
    )


def secret_key_statement(
    *, partition: str, account_id: str, region: str, readers: Sequence[str]
) -> Mapping[str, Any]:
    """Return a statement that lets the readers use a key, only for secrets of Secrets Manager in ``region``.

    It is a statement so that it fits into the policy of a key that has other users, too.
    """
    return {
        "Sid": "ReadersUseKeyForSecrets",
        "Effect": "Allow",
        "Principal": _account(partition, account_id),
        "Action": list(SECRET_KEY_ACTIONS),
        "Resource": "*",
        "Condition": {
            "StringEquals": via_secrets_manager(region=region, partition=partition),
            "ArnEquals": {"aws:PrincipalArn": list(readers)},
        },
    }


def via_secrets_manager(*, region: str, partition: str) -> Mapping[str, str | Sequence[str]]:
    """Return the condition values that a key is used through Secrets Manager."""
    names = service_names("secretsmanager", region=region, partition=partition)
    return {"kms:ViaService": names if len(names) > 1 else names[0]}


def _account(partition: str, account_id: str) -> Mapping[str, str]:
    return {"AWS": f"arn:{partition}:iam::{account_id}:root"}


def _administration(account: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "Sid": "AccountAdministersKey",
        "Effect": "Allow",
        "Principal": account,
        "Action": list(KEY_ADMINISTRATION_ACTIONS),
        "Resource": "*",
    }

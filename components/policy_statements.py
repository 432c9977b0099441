"""The words that IAM documents are put together from."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from components.iam_policies import POLICY_VERSION

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

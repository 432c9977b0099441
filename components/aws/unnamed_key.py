"""Finds a KMS key that an interrupted run created: it has neither a name nor anything that leads to it."""

import json
from collections.abc import Set
from datetime import datetime

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from components.aws.credentials import CredentialSource
from components.aws.secret import KEY_DESCRIPTION
from components.errors import DeploymentError
from components.planned_resource import PlannedResource
from components.progress import say

_CLOSED = "because no resource-based policy allows"
"""In KMS's refusal if it is the key's policy that allows nothing. Otherwise a right of the caller's own is
missing, and the key may be any."""


def find_unnamed_key(
    key: PlannedResource,
    credentials: CredentialSource,
    region: str,
    recorded: Set[str],
    *,
    since: datetime | None,
) -> str | None:
    """Return the id of the one key with this description and policy that nothing uses; None without any.

    The policy names Vault's role, or the readers of the secret. ``recorded`` are ids that the stack has: they
    don't count, nor does a key with an alias or a secret, as the run was interrupted before it created one.
    Nor does one from before ``since``: a stack that was destroyed may have left a key that is the same. Nor
    does one whose own policy keeps it from these credentials: this stack's leave that to IAM. That is told.
    Raises :class:`DeploymentError` if AWS refuses otherwise to say, and if there are several.
    """
    try:
        found, closed = _unused_keys(credentials.session(region), key, recorded, since)
    except (BotoCoreError, ClientError) as error:
        raise DeploymentError(
            f"Whether the interrupted run created a KMS key can't be seen: {error}\nIt takes kms:ListKeys, "
            "kms:ListAliases, kms:DescribeKey and kms:GetKeyPolicy on the region's keys that have no alias, "
            "and for a secret's key secretsmanager:ListSecrets. Ask somebody who has them to run this."
        ) from None
    if closed:
        say(
            "The policies of these KMS keys close them to you, so they weren't looked at; none is this "
            f"stack's, whose policies let IAM decide who sees a key: {', '.join(closed)}"
        )
    if len(found) > 1:
        raise DeploymentError(
            f"The KMS keys {', '.join(found)} are alike, and which of them an interrupted run of this stack "
            "created can't be seen. Nothing was changed. Find out what each is for (CloudTrail has who used "
            "it and when), give those of others an alias, and run this again."
        )
    return found[0] if found else None


def _unused_keys(
    session: boto3.session.Session, key: PlannedResource, recorded: Set[str], since: datetime | None
) -> tuple[list[str], list[str]]:
    """Return the ids of the keys that are alike, and of those that their policies close to the caller."""
    client = session.client("kms")
    description, policy = key.text("description"), json.loads(key.text("policy"))
    alias_pages = client.get_paginator("list_aliases").paginate()
    named = {alias.get("TargetKeyId") for page in alias_pages for alias in page["Aliases"]}
    alike, closed = [], []
    for page in client.get_paginator("list_keys").paginate():
        for key_id in (listed["KeyId"] for listed in page["Keys"]):
            if key_id in recorded or key_id in named:
                continue
            try:
                metadata = client.describe_key(KeyId=key_id)["KeyMetadata"]
                if (
                    metadata.get("Description") == description
                    and metadata.get("KeyState") == "Enabled"
                    and (since is None or metadata["CreationDate"] >= since)
                    and json.loads(client.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"])
                    == policy
                ):
                    alike.append(metadata)
            except ClientError as error:
                if _CLOSED not in error.response.get("Error", {}).get("Message", ""):
                    raise
                closed.append(key_id)
    if alike and description == KEY_DESCRIPTION:
        pages = session.client("secretsmanager").get_paginator("list_secrets").paginate()
        used = {secret.get("KmsKeyId") for page in pages for secret in page["SecretList"]}
        alike = [metadata for metadata in alike if used.isdisjoint((metadata["Arn"], metadata["KeyId"]))]
    return [metadata["KeyId"] for metadata in alike], closed

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
    Nor does one from before ``since``: a stack that was destroyed may have left a key that is the same.
    Raises :class:`DeploymentError` if AWS refuses to say, and if there are several.
    """
    try:
        found = _unused_keys(credentials.session(region), key, recorded, since)
    except (BotoCoreError, ClientError) as error:
        raise DeploymentError(
            f"Whether the interrupted run created a KMS key can't be seen: {error}\nIt takes kms:ListKeys, "
            "kms:DescribeKey, kms:GetKeyPolicy and kms:ListAliases on all keys of the region, and for the "
            "key of a secret secretsmanager:ListSecrets. Ask somebody who has these rights to run this."
        ) from None
    if len(found) > 1:
        raise DeploymentError(
            f"The KMS keys {', '.join(found)} are alike, and which of them an interrupted run of this stack "
            "created can't be seen. Nothing was changed. Find out what each is for (CloudTrail has who used "
            "it and when), give those of others an alias, and run this again."
        )
    return found[0] if found else None


def _unused_keys(
    session: boto3.session.Session, key: PlannedResource, recorded: Set[str], since: datetime | None
) -> list[str]:
    client = session.client("kms")
    description, policy = key.text("description"), json.loads(key.text("policy"))
    alike = []
    for page in client.get_paginator("list_keys").paginate():
        for key_id in (listed["KeyId"] for listed in page["Keys"]):
            metadata = client.describe_key(KeyId=key_id)["KeyMetadata"]
            if (
                key_id not in recorded
                and metadata.get("Description") == description
                and metadata.get("KeyState") == "Enabled"
                and (since is None or metadata["CreationDate"] >= since)
                and json.loads(client.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]) == policy
                and not client.list_aliases(KeyId=key_id)["Aliases"]
            ):
                alike.append(metadata)
    if alike and description == KEY_DESCRIPTION:
        pages = session.client("secretsmanager").get_paginator("list_secrets").paginate()
        used = {secret.get("KmsKeyId") for page in pages for secret in page["SecretList"]}
        alike = [metadata for metadata in alike if used.isdisjoint((metadata["Arn"], metadata["KeyId"]))]
    return [metadata["KeyId"] for metadata in alike]

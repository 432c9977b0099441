"""Creates the KMS key that Vault unseals with, and its alias."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.aws.policies import unseal_key_policy
from components.aws.settings import KeySettings


@dataclass(frozen=True)
class AwsUnsealKeyArgs:
    """The arguments of an :class:`AwsUnsealKey`."""

    key: KeySettings
    """Alias, rotation, deletion window, and whether the key outlives the stack."""
    partition: str
    """AWS partition of the account."""
    account_id: str
    """Account whose root administers the key."""
    principal_arn: str
    """ARN of the one role or user that may use the key; a role need not exist yet."""
    principal_exists: bool
    """Whether it exists and isn't the stack's, so that the key policy alone lets it use the key."""
    further_statements: Sequence[Mapping[str, Any]]
    """Statements of the key policy for other uses than unsealing; empty unless the settings ask for them."""
    protect: bool
    """Whether Pulumi refuses to delete key and alias."""
    tags: Mapping[str, str]
    """Tags of the key."""


class AwsUnsealKey(pulumi.ComponentResource):
    """The KMS key and its alias. Without the key every volume and every backup of Vault is unreadable.

    Creates no grants and no further policies, and never replaces the key by itself.
    """

    key_id: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    alias: pulumi.Output[str]

    def __init__(self, name: str, args: AwsUnsealKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vault-autounseal:aws:UnsealKey", name, None, opts)
        key = aws.kms.Key(
            name,
            description="Unseals Vault; without it Vault's data and backups can't be read",
            enable_key_rotation=args.key.rotation,
            deletion_window_in_days=args.key.deletion_window_days,
            policy=unseal_key_policy(
                partition=args.partition,
                account_id=args.account_id,
                principal_arn=args.principal_arn,
                principal_exists=args.principal_exists,
                further_statements=args.further_statements,
            ),
            tags=args.tags,
            opts=pulumi.ResourceOptions(
                parent=self, protect=args.protect, retain_on_delete=args.key.retain_on_destroy
            ),
        )
        alias = aws.kms.Alias(
            name,
            name=args.key.alias,
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.key_id = key.key_id
        self.key_arn = key.arn
        self.alias = alias.name
        self.register_outputs({"key_id": self.key_id, "key_arn": self.key_arn, "alias": self.alias})

"""Creates the AWS secret for Vault's keys, its policy and, if asked for, a KMS key of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.policies import secret_key_policy, secret_policy

RECOVERY_DAYS = 30
"""Days in which a deleted secret or key can be restored: the most that AWS allows."""
KEY_DESCRIPTION = "Encrypts the secret with Vault's root token and shares"
"""Description of the key that is created for the secret alone."""


@dataclass(frozen=True)
class AwsKeyStoreArgs:
    """The arguments of an :class:`AwsKeyStore`."""

    name: str
    """Name of the secret."""
    readers: Sequence[str]
    """ARNs of the principals that may read and write it, among them the one that deploys."""
    key_arn: pulumi.Input[str] | None
    """ARN of the KMS key that encrypts it; None creates a key for it alone."""
    partition: str
    """AWS partition of the account."""
    account_id: str
    """Account whose root administers the key."""
    region: str
    protect: bool
    """Whether Pulumi refuses to delete secret and key; if forced, it retains them."""
    tags: Mapping[str, str]
    """Tags of secret and key."""
    secret_hooks: pulumi.ResourceHookBinding | None = None
    """Hooks of the secret alone."""


class AwsKeyStore(pulumi.ComponentResource):
    """An empty secret. The init writes its value, which is never in the stack's state."""

    secret_arn: pulumi.Output[str]
    secret_name: pulumi.Output[str]
    secret_key_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AwsKeyStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vault-autounseal:aws:KeyStore", name, None, opts)
        kept = pulumi.ResourceOptions(parent=self, protect=args.protect, retain_on_delete=args.protect)
        key_arn = pulumi.Output.from_input(args.key_arn) if args.key_arn else self._own_key(name, args, kept)
        secret = aws.secretsmanager.Secret(
            name,
            name=args.name,
            description="Root token and shares of Vault; whoever has them has all that is in it",
            kms_key_id=key_arn,
            recovery_window_in_days=RECOVERY_DAYS,
            tags=args.tags,
            opts=pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(hooks=args.secret_hooks)),
        )
        aws.secretsmanager.SecretPolicy(
            name,
            secret_arn=secret.arn,
            policy=secret_policy(readers=args.readers),
            block_public_policy=True,
            opts=kept,
        )
        self.secret_arn = secret.arn
        self.secret_name = secret.name
        self.secret_key_arn = key_arn
        self.register_outputs(
            {
                "secret_arn": self.secret_arn,
                "secret_name": self.secret_name,
                "secret_key_arn": self.secret_key_arn,
            }
        )

    def _own_key(self, name: str, args: AwsKeyStoreArgs, kept: pulumi.ResourceOptions) -> pulumi.Output[str]:
        key = aws.kms.Key(
            name,
            description=KEY_DESCRIPTION,
            enable_key_rotation=True,
            deletion_window_in_days=RECOVERY_DAYS,
            policy=secret_key_policy(
                partition=args.partition,
                account_id=args.account_id,
                region=args.region,
                readers=args.readers,
            ),
            tags=args.tags,
            opts=kept,
        )
        return key.arn

"""What IAM documents of a deployment are for: the ARNs of all that a stack looks up or makes in AWS.

They follow from the settings, before anything is deployed; only a key's id is made by AWS.
"""

from dataclasses import dataclass

from components.aws.policies import Condition, of_alias, role_arn
from components.aws.settings import KeySettings
from components.custody.stores.aws_secrets_manager import OWN_KEY, UNSEAL_KEY, Store
from components.errors import DeploymentError
from components.seals import awskms
from components.settings import Settings


@dataclass(frozen=True)
class SealScope:
    """What seal awskms has in AWS."""

    key: KeySettings
    key_arn: str | None
    """ARN of the key; None where its id isn't known."""
    any_key_arn: str
    """Pattern of the ARNs of all keys of the account in the region."""
    alias_arn: str
    role_arn: str
    policy_arn: str
    permissions_boundary: str | None
    """ARN of the policy that bounds the role; None where none does."""


@dataclass(frozen=True)
class SecretScope:
    """What custody aws-secrets-manager has in AWS. ARNs may be patterns."""

    arn: str
    """The secret's."""
    arn_to_be: str
    """The secret's before it is made."""
    own_key_arns: str | None
    """The key that is made for the secret; None where it has another one."""
    key_arns: str
    """The key that the secret is encrypted with."""
    key_condition: Condition
    """Says that the key is used by way of Secrets Manager and, where only that tells it, its alias."""


@dataclass(frozen=True)
class DeploymentScope:
    """One stack's settings, and the account that it is deployed in."""

    settings: Settings
    cluster_name: str
    region: str
    account_id: str
    """Twelve digits."""
    key_id: str | None = None
    """Id of the unseal key, known once the stack is deployed."""
    secret_key_id: str | None = None
    """Id of the key that was made for the keys' secret, likewise."""

    @property
    def partition(self) -> str:
        """The partition that the region is in, as ARNs name it."""
        prefixes = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
        return next((name for prefix, name in prefixes.items() if self.region.startswith(prefix)), "aws")

    def regional_arn(self, service: str, resource: str) -> str:
        """The ARN of something in the region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    def iam_arn(self, resource: str) -> str:
        """The ARN of something in IAM."""
        return f"arn:{self.partition}:iam::{self.account_id}:{resource}"

    @property
    def seal(self) -> SealScope | None:
        """The seal's part; None where no seal is AWS's."""
        found = next((seal for seal in self.settings.seals if isinstance(seal, awskms.Seal)), None)
        if found is None:
            return None
        key, role = found.key, found.role
        return SealScope(
            key=key,
            key_arn=self._key_arns(self.key_id) if self.key_id else None,
            any_key_arn=self._key_arns(None),
            alias_arn=self.regional_arn("kms", key.alias),
            role_arn=role_arn(
                partition=self.partition, account_id=self.account_id, path=role.path, name=role.name
            ),
            policy_arn=self.iam_arn(f"policy{role.path}{role.policy_name}"),
            permissions_boundary=role.permissions_boundary,
        )

    @property
    def secret(self) -> SecretScope | None:
        """The secret's part; None where the keys go elsewhere."""
        store = self.settings.custody.store
        if not isinstance(store, Store):
            return None
        name = self.regional_arn("secretsmanager", f"secret:{store.name}")
        own = self._key_arns(self.secret_key_id) if store.kms_key == OWN_KEY else None
        by_way_of = f"secretsmanager.{self.region}.amazonaws.com"
        condition: Condition = {"StringEquals": {"kms:ViaService": by_way_of}}
        if own is not None:
            key_arns = own
        elif store.kms_key != UNSEAL_KEY:
            key_arns = store.kms_key
        else:
            key_arns = self._key_arns(self.key_id)
            if self.seal is not None and self.key_id is None:
                condition = {**condition, **of_alias(self.seal.key.alias)}
        return SecretScope(
            arn=f"{name}-??????",
            arn_to_be=name,
            own_key_arns=own,
            key_arns=key_arns,
            key_condition=condition,
        )

    def _key_arns(self, key_id: str | None) -> str:
        return self.regional_arn("kms", f"key/{key_id or '*'}")

    @property
    def rule_group_arn(self) -> str | None:
        """ARN of the security group that gets the webhook's rule; None where there is no rule."""
        group = self.settings.node_security_group_id
        if group is None or not self.settings.injector.enabled:
            return None
        return self.regional_arn("ec2", f"security-group/{group}")


def deployment_scope(
    settings: Settings, *, account_id: str, key_id: str | None, secret_key_id: str | None = None
) -> DeploymentScope:
    """The scope of these settings; raises :class:`DeploymentError` where they use nothing of AWS."""
    if settings.cluster is None or settings.cluster.project is not None:
        raise DeploymentError(
            "This stack uses nothing of AWS (it has no EKS cluster), so nobody needs rights there."
        )
    return DeploymentScope(
        settings, settings.cluster.name, settings.cluster.location, account_id, key_id, secret_key_id
    )

"""Auto-unseals with AWS KMS: a key, and a role for Vault's pods on EKS, or a user, that may use it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import pulumi

from components.aws.seal_settings import read_identity, read_key, read_role
from components.aws.settings import (
    ExistingKeySettings,
    ExistingRoleSettings,
    IdentityKind,
    KeySettings,
    RoleSettings,
    StaticKeySettings,
)
from components.config.reader import ConfigReader
from components.errors import DeploymentError
from components.seals import seal

if TYPE_CHECKING:
    from components.aws.account import AwsAccount
    from components.aws.cluster import EksCluster
    from components.aws.pod_trust import PodTrust


@dataclass(frozen=True)
class Seal(seal.Seal):
    """A key of AWS KMS, used by a role that only the pods of one service account get, or by a user."""

    type: ClassVar[str] = "awskms"
    purpose: ClassVar[str] = "unseals by itself with a key of AWS KMS, on EKS or any other cluster"
    preflight_module: ClassVar[str] = "components.aws.preflight"
    sections: ClassVar[Sequence[str]] = ("key", "role", "identity")
    cloud: ClassVar[seal.Cloud] = "aws"
    key: KeySettings | ExistingKeySettings
    role: RoleSettings | ExistingRoleSettings | None
    """The role of Vault's pods; None if they have the access key of a user."""
    identity: IdentityKind
    static_keys: StaticKeySettings | None
    """Where that access key is; None if they have a role."""

    @property
    def needs_managed_cluster(self) -> bool:
        """True if EKS vouches for the pods."""
        return self.identity != "static"

    @property
    def region_without_cluster(self) -> str:
        """The AWS region of the key on a cluster other than EKS."""
        if isinstance(self.key, ExistingKeySettings):
            return self.key.region
        return self.static_keys.region if self.static_keys is not None else ""

    @property
    def needs_token_issuer(self) -> bool:
        """True if the pods assume the role with their tokens (IRSA)."""
        return self.identity == "irsa"

    @property
    def needs_pod_identity_agent(self) -> bool:
        """True if EKS assumes the role for the pods (EKS Pod Identity)."""
        return self.identity == "pod-identity"

    @property
    def destinations(self) -> Sequence[seal.Destination]:
        """The EKS Pod Identity Agent on the node, if it has the credentials."""
        if not self.needs_pod_identity_agent:
            return ()
        return (seal.Destination((80,), ("169.254.170.23/32", "fd00:ec2::23/128")),)

    @classmethod
    def from_settings(cls, reader: ConfigReader, cluster_name: str | None) -> Self:
        """Read `key`, `role` and `identity`; the role's default name contains the cluster's."""
        key = read_key(reader.section("key"))
        kind, static_keys = read_identity(reader, key, on_eks=cluster_name is not None)
        if static_keys is not None:
            reader.not_applicable(("role",), "with identity.kind static Vault's pods have no role; remove it")
        role = read_role(reader.section("role"), f"vault-auto-unseal-{cluster_name or ''}")
        return cls(key, None if static_keys is not None else role, kind, static_keys)

    def key_in_settings(self, args: seal.SealArgs) -> str | None:  # noqa: ARG002
        """Return the ARN of an existing key; None for one that the stack creates."""
        return self.key.arn if isinstance(self.key, ExistingKeySettings) else None

    @classmethod
    def same_key(cls, old: str, new: str) -> bool:
        """Return whether two ARNs are of one key: replicas of a multi-Region key decrypt for each other.

        Source: the KMS guide, "Multi-Region keys in AWS KMS".
        """
        old_name, new_name = old.split(":"), new.split(":")
        return (
            old == new
            or (
                new_name[-1].startswith("key/mrk-")
                # All but the Region.
                and old_name[:3] + old_name[4:] == new_name[:3] + new_name[4:]
            )
        )

    @classmethod
    def reuse_of_key(cls, key: str) -> str:
        """Return how a later stack uses the key with this ARN."""
        return (
            f"Vault was sealed with the KMS key {key}, without which its volumes and snapshots can't be "
            "read. A later stack uses it again, unless it was deleted, after: "
            f"pulumi config set --path key.arn {key}"
        )

    def provision(self, args: seal.SealArgs) -> seal.ProvisionedSeal:
        """Create key, alias, role and policy, unless the settings name an existing key or role.

        With EKS Pod Identity also the association of the role with the pods' service account; with a user's
        access key no role.
        """
        cluster = args.cluster if args.cluster is not None and args.cluster.cloud == "aws" else None
        if self.static_keys is not None:
            return _provision_for_user(args, self, self.static_keys, cluster)
        if cluster is None or self.role is None:
            raise DeploymentError("Seal awskms needs an EKS cluster: set clusterName and region.")
        return _provision(args, self, self.role, cluster)


def stanza(region: str, key_id: str) -> seal.SealStanza:
    """Return Vault's stanza, without credentials: they come from the pod's service account."""
    return seal.SealStanza(Seal.type, {"region": region, "kms_key_id": key_id})


@dataclass(frozen=True)
class _Provisioned:
    """A key or a role. One that exists already has no resources."""

    arn: pulumi.Input[str]
    outputs: Mapping[str, pulumi.Input[str]]
    resources: Sequence[pulumi.Resource] = ()


def _provision(
    args: seal.SealArgs,
    chosen: Seal,
    wanted_role: RoleSettings | ExistingRoleSettings,
    cluster: "EksCluster",
) -> seal.ProvisionedSeal:
    from components.aws.account import account_of
    from components.aws.pod_trust import PodIdentityTrust
    from components.aws.policies import role_arn
    from components.aws.vault_role import associate_service_account

    trust = _trust(args, chosen, cluster)
    account = account_of(cluster)
    if isinstance(wanted_role, ExistingRoleSettings):
        role = _existing_role(wanted_role, trust, cluster)
        key = _provision_key(args, chosen.key, account, wanted_role.arn, principal_exists=True)
    else:
        arn = role_arn(
            partition=cluster.partition,
            account_id=cluster.account_id,
            path=wanted_role.path,
            name=wanted_role.name,
        )
        key = _provision_key(args, chosen.key, account, arn, principal_exists=False)
        role = _create_role(args, wanted_role, trust, cluster, key.arn)
    prerequisites = [*key.resources, *role.resources]
    preflight: dict[str, pulumi.Input[str]] = {}
    pods = seal.PodRequirements(service_account_annotations={"eks.amazonaws.com/role-arn": role.arn})
    if isinstance(trust, PodIdentityTrust):
        pods = seal.PodRequirements()
        preflight = {
            "identity": chosen.identity,
            "cluster": cluster.name,
            "cluster_region": cluster.region,
            "pod": args.pod,
            "deployer": cluster.credentials.to_text(),
        }
        prerequisites.append(
            associate_service_account(
                "vault-association",
                trust=trust,
                role_arn=role.arn,
                tags=args.tags,
                opts=pulumi.ResourceOptions(provider=cluster.provider),
            )
        )
    return _provisioned(
        chosen,
        key,
        cluster.region,
        pods,
        prerequisites,
        {"role_arn": role.arn, "service_account": args.service_account, **preflight},
        role.outputs,
    )


def _provision_for_user(
    args: seal.SealArgs, chosen: Seal, keys: StaticKeySettings, cluster: "EksCluster | None"
) -> seal.ProvisionedSeal:
    from components.aws.account import account_of, look_up_account

    region = chosen.region_without_cluster
    account = account_of(cluster) if cluster is not None else look_up_account(region, args.aws_provider)
    if keys.user_arn is not None and keys.account_id != account.account_id:
        raise DeploymentError(
            f"The user {keys.user_arn} (identity.userArn) is of account {keys.account_id}, and the key would "
            f"be created in account {account.account_id}, that of the AWS credentials in use. Use those of "
            "the user's account, or create a key and set key.arn."
        )
    key = _provision_key(args, chosen.key, account, keys.user_arn or "", principal_exists=True)
    entries = {
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
    }
    return _provisioned(
        chosen,
        key,
        account.region,
        seal.PodRequirements(
            secret_environment=[
                seal.SecretVariable(name=name, secret=keys.secret, key=entry)
                for name, entry in entries.items()
            ]
        ),
        key.resources,
        {
            "identity": chosen.identity,
            "secret": keys.secret,
            "access_key_id": keys.access_key_id,
            "secret_access_key": keys.secret_access_key,
        },
        {},
    )


def _provisioned(
    chosen: Seal,
    key: _Provisioned,
    region: str,
    pods: seal.PodRequirements,
    prerequisites: Sequence[pulumi.Resource],
    preflight: Mapping[str, pulumi.Input[str]],
    outputs: Mapping[str, pulumi.Input[str]],
) -> seal.ProvisionedSeal:
    in_stanza = key.outputs["key_id"]
    if isinstance(chosen.key, ExistingKeySettings):
        # The id alone would be looked for in the account of the role or user.
        region, in_stanza = chosen.key.region, key.arn
    return seal.ProvisionedSeal(
        stanza=pulumi.Output.from_input(in_stanza).apply(lambda key_id: stanza(region, key_id)),
        pods=pods,
        prerequisites=tuple(prerequisites),
        key=key.arn,
        preflight={"seal": chosen.type, "key_arn": key.arn, "region": region, **preflight},
        outputs={name: pulumi.Output.from_input(value) for name, value in {**key.outputs, **outputs}.items()},
    )


def _provision_key(
    args: seal.SealArgs,
    settings: KeySettings | ExistingKeySettings,
    account: "AwsAccount",
    principal_arn: str,
    *,
    principal_exists: bool,
) -> _Provisioned:
    if isinstance(settings, ExistingKeySettings):
        from components.aws.existing_key import require_usable_key
        from components.aws.own_resources import require_key_stays

        require_key_stays(settings.arn)
        require_usable_key(settings, account.provider)
        return _Provisioned(settings.arn, {"key_id": settings.key_id, "key_arn": settings.arn})
    from components.aws.own_resources import require_no_other_key
    from components.aws.unseal_key import AwsUnsealKey, AwsUnsealKeyArgs

    name = "unseal-key"
    require_no_other_key(name)
    key = AwsUnsealKey(
        name,
        AwsUnsealKeyArgs(
            key=settings,
            partition=account.partition,
            account_id=account.account_id,
            principal_arn=principal_arn,
            principal_exists=principal_exists,
            further_statements=args.key_statements,
            protect=args.protect,
            tags=args.tags,
        ),
        pulumi.ResourceOptions(provider=account.provider),
    )
    outputs = {"key_id": key.key_id, "key_arn": key.key_arn, "key_alias": key.alias}
    return _Provisioned(key.key_arn, outputs, (key,))


def _trust(args: seal.SealArgs, chosen: Seal, cluster: "EksCluster") -> "PodTrust":
    from components.aws.pod_trust import IrsaTrust, PodIdentityTrust

    if chosen.identity == "pod-identity":
        return PodIdentityTrust(cluster.arn, args.namespace_name, args.service_account)
    if cluster.oidc_provider_arn is None:
        raise DeploymentError("Seal awskms needs an EKS cluster with an OIDC provider: set clusterName.")
    return IrsaTrust(cluster.oidc_provider_arn, cluster.issuer, args.namespace_name, args.service_account)


def _existing_role(settings: ExistingRoleSettings, trust: "PodTrust", cluster: "EksCluster") -> _Provisioned:
    from components.aws.existing_role import trusted_role
    from components.aws.own_resources import require_role_of_others

    require_role_of_others(settings.arn)
    found = trusted_role(settings, trust, account_id=cluster.account_id, provider=cluster.provider)
    outputs = {
        "role_arn": settings.arn,
        "role_name": settings.name,
        "role_path": found.path,
        "role_unique_id": found.unique_id,
    }
    return _Provisioned(settings.arn, outputs)


def _create_role(
    args: seal.SealArgs,
    settings: RoleSettings,
    trust: "PodTrust",
    cluster: "EksCluster",
    key_arn: pulumi.Input[str],
) -> _Provisioned:
    from components.aws.vault_role import VaultRole, VaultRoleArgs

    role = VaultRole(
        "vault-role",
        VaultRoleArgs(trust=trust, role=settings, key_arn=key_arn, guard=args.guard, tags=args.tags),
        pulumi.ResourceOptions(provider=cluster.provider),
    )
    outputs = {
        "policy_arn": role.policy_arn,
        "role_arn": role.role_arn,
        "role_name": role.role_name,
        "role_path": role.role_path,
        "role_unique_id": role.role_unique_id,
    }
    return _Provisioned(role.role_arn, outputs, (role,))

"""Auto-unseals with AWS KMS, on EKS: a key, and a role for Vault's pods that may use it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import pulumi

from components.aws.settings import (
    ExistingKeySettings,
    ExistingRoleSettings,
    IdentityKind,
    KeySettings,
    RoleSettings,
)
from components.config.reader import ConfigReader
from components.errors import DeploymentError
from components.seals import seal

if TYPE_CHECKING:
    from components.aws.cluster import EksCluster
    from components.aws.pod_trust import PodTrust

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
IAM_NAME = r"[\w+=,.@-]+"
IAM_PATH = r"/([\x21-\x7e]+/)?"
# https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id-key-ARN
KEY_ID = r"mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
KEY_ARN = rf"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{{12}}:key/({KEY_ID})"
ROLE_ARN = rf"arn:aws[a-z-]*:iam::\d{{12}}:role{IAM_PATH}{IAM_NAME}"


@dataclass(frozen=True)
class Seal(seal.Seal):
    """A key of AWS KMS, used by a role that only the pods of one service account may assume."""

    type: ClassVar[str] = "awskms"
    purpose: ClassVar[str] = "unseals by itself with a key of AWS KMS, on EKS"
    preflight_module: ClassVar[str] = "components.aws.preflight"
    sections: ClassVar[Sequence[str]] = ("key", "role", "identity")
    cloud: ClassVar[seal.Cloud] = "aws"
    key: KeySettings | ExistingKeySettings
    role: RoleSettings | ExistingRoleSettings
    identity: IdentityKind

    @property
    def needs_token_issuer(self) -> bool:
        """True if the pods assume the role with their tokens (IRSA)."""
        return self.identity == "irsa"

    @property
    def needs_pod_identity_agent(self) -> bool:
        """True if EKS assumes the role for the pods (EKS Pod Identity)."""
        return self.identity == "pod-identity"

    @classmethod
    def from_settings(cls, reader: ConfigReader, cluster_name: str | None) -> Self:
        """Read `key`, `role` and `identity`; the role's default name contains the cluster's."""
        default_name = f"vault-auto-unseal-{cluster_name or ''}"
        return cls(
            key=_key(reader.section("key")),
            role=_role(reader.section("role"), default_name),
            identity=_identity(reader.section("identity")),
        )

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

        With EKS Pod Identity also the association of the role with the pods' service account.
        """
        cluster = args.cluster
        if cluster is None or cluster.cloud != "aws":
            raise DeploymentError("Seal awskms needs an EKS cluster: set clusterName and region.")
        return _provision(args, self, cluster)


def stanza(region: str, key_id: str) -> seal.SealStanza:
    """Return Vault's stanza, without credentials: they come from the pod's service account."""
    return seal.SealStanza(Seal.type, {"region": region, "kms_key_id": key_id})


def _key(reader: ConfigReader) -> KeySettings | ExistingKeySettings:
    fix = (
        "give the ARN of a KMS key, arn:aws:kms:<region>:<account>:key/<id>; not of an alias, which can be "
        "moved to a key that opens nothing"
    )
    arn = reader.text("arn", None, KEY_ARN, fix)
    if reader.has("arn"):
        not_own = "the key of key.arn isn't this stack's to name, rotate or delete; remove it"
        reader.not_applicable(("alias", "deletionWindowDays", "rotation", "retainOnDestroy"), not_own)
        reader.unknown_keys()
        return ExistingKeySettings(arn or "")
    key = KeySettings(
        alias=reader.text(
            "alias",
            "alias/vault-auto-unseal",
            # https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
            r"alias/(?!aws/)[A-Za-z0-9/_-]{1,250}",
            "begin with alias/ (but not alias/aws/) and go on with letters, digits, / _ or -",
        ),
        deletion_window_days=reader.integer(
            "deletionWindowDays", 30, range(7, 31), "use 7 to 30 days, the bounds that KMS sets"
        ),
        rotation=reader.flag("rotation", True),
        retain_on_destroy=reader.flag("retainOnDestroy", True),
    )
    reader.unknown_keys()
    return key


def _role(reader: ConfigReader, default_name: str) -> RoleSettings | ExistingRoleSettings:
    fix = "give the ARN of an IAM role, arn:aws:iam::<account>:role/<name>, with its path"
    arn = reader.text("arn", None, ROLE_ARN, fix)
    if reader.has("arn"):
        not_own = "the role of role.arn isn't this stack's to name or limit; remove it"
        reader.not_applicable(("name", "policyName", "path", "permissionsBoundary"), not_own)
        reader.unknown_keys()
        return ExistingRoleSettings(arn or "")
    name = reader.text("name", default_name, IAM_NAME, "use at most 64 of A-Z a-z 0-9 + = , . @ _ -", 64)
    if len(name) > 64:
        reader.report("name", f"the default {name!r} is longer than the 64 characters that IAM takes; set it")
    role = RoleSettings(
        name=name,
        policy_name=reader.text(
            "policyName", name, IAM_NAME, "use at most 128 of A-Z a-z 0-9 + = , . @ _ -", 128
        ),
        path=reader.text("path", "/", IAM_PATH, "begin and end with a slash", 512),
        permissions_boundary=reader.text(
            "permissionsBoundary",
            None,
            r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/.+",
            "give the ARN of an IAM policy",
        ),
    )
    reader.unknown_keys()
    return role


def _identity(reader: ConfigReader) -> IdentityKind:
    kinds: Sequence[IdentityKind] = ("irsa", "pod-identity")
    kind = reader.choice("kind", "irsa", kinds, "docs/seals.md says when to choose which")
    reader.unknown_keys()
    return kind


@dataclass(frozen=True)
class _Provisioned:
    """A key or a role. One that exists already has no resources."""

    arn: pulumi.Input[str]
    outputs: Mapping[str, pulumi.Input[str]]
    resources: Sequence[pulumi.Resource] = ()


def _provision(args: seal.SealArgs, chosen: Seal, cluster: "EksCluster") -> seal.ProvisionedSeal:
    from components.aws.pod_trust import PodIdentityTrust
    from components.aws.policies import role_arn
    from components.aws.vault_role import associate_service_account

    trust = _trust(args, chosen, cluster)
    if isinstance(chosen.role, ExistingRoleSettings):
        role = _existing_role(chosen.role, trust, cluster)
        key = _provision_key(args, chosen.key, cluster, chosen.role.arn, role_exists=True)
    else:
        arn = role_arn(
            partition=cluster.partition,
            account_id=cluster.account_id,
            path=chosen.role.path,
            name=chosen.role.name,
        )
        key = _provision_key(args, chosen.key, cluster, arn, role_exists=False)
        role = _create_role(args, chosen.role, trust, cluster, key.arn)
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
    if isinstance(chosen.key, ExistingKeySettings):
        # The id alone would be looked for in the role's own account.
        region, in_stanza = chosen.key.region, key.arn
    else:
        region, in_stanza = cluster.region, key.outputs["key_id"]
    return seal.ProvisionedSeal(
        stanza=pulumi.Output.from_input(in_stanza).apply(lambda key_id: stanza(region, key_id)),
        pods=pods,
        prerequisites=tuple(prerequisites),
        key=key.arn,
        preflight={
            "seal": chosen.type,
            "role_arn": role.arn,
            "key_arn": key.arn,
            "region": region,
            "service_account": args.service_account,
            **preflight,
        },
        outputs={
            name: pulumi.Output.from_input(value) for name, value in {**key.outputs, **role.outputs}.items()
        },
    )


def _provision_key(
    args: seal.SealArgs,
    settings: KeySettings | ExistingKeySettings,
    cluster: "EksCluster",
    vault_role_arn: str,
    *,
    role_exists: bool,
) -> _Provisioned:
    if isinstance(settings, ExistingKeySettings):
        from components.aws.existing_key import require_usable_key

        require_usable_key(settings, cluster.provider)
        return _Provisioned(settings.arn, {"key_id": settings.key_id, "key_arn": settings.arn})
    from components.aws.unseal_key import AwsUnsealKey, AwsUnsealKeyArgs

    key = AwsUnsealKey(
        "unseal-key",
        AwsUnsealKeyArgs(
            key=settings,
            partition=cluster.partition,
            account_id=cluster.account_id,
            vault_role_arn=vault_role_arn,
            role_exists=role_exists,
            further_statements=args.key_statements,
            protect=args.protect,
            tags=args.tags,
        ),
        pulumi.ResourceOptions(provider=cluster.provider),
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
        VaultRoleArgs(trust=trust, role=settings, key_arn=key_arn, tags=args.tags),
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

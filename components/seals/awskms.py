"""Auto-unseals with AWS KMS, on EKS: a key, and a role for Vault's pods that may use it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from components.aws.settings import KeySettings, RoleSettings
from components.config.reader import ConfigReader
from components.errors import DeploymentError
from components.seals import seal

if TYPE_CHECKING:
    from components.aws.cluster import EksCluster

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
IAM_NAME = r"[\w+=,.@-]+"
IAM_PATH = r"/([\x21-\x7e]+/)?"


@dataclass(frozen=True)
class Seal(seal.Seal):
    """A key of AWS KMS, used by a role that only the pods of one service account may assume."""

    type: ClassVar[str] = "awskms"
    purpose: ClassVar[str] = "unseals by itself with a key of AWS KMS, on EKS"
    preflight_module: ClassVar[str] = "components.aws.preflight"
    sections: ClassVar[Sequence[str]] = ("key", "role")
    cloud: ClassVar[seal.Cloud] = "aws"
    key: KeySettings
    role: RoleSettings

    @property
    def needs_pod_identity(self) -> bool:
        """Always true: the pods assume the role (IRSA)."""
        return True

    @classmethod
    def from_settings(cls, reader: ConfigReader, cluster_name: str | None) -> Self:
        """Read `key` and `role`; the role's default name contains the cluster's."""
        default_name = f"vault-auto-unseal-{cluster_name or ''}"
        return cls(key=_key(reader.section("key")), role=_role(reader.section("role"), default_name))

    def provision(self, args: seal.SealArgs) -> seal.ProvisionedSeal:
        """Create key, alias, role and policy."""
        cluster = args.cluster
        if cluster is None or cluster.cloud != "aws" or cluster.oidc_provider_arn is None:
            raise DeploymentError("Seal awskms needs an EKS cluster: set clusterName and region.")
        return _provision(args, self, cluster, cluster.oidc_provider_arn)


def stanza(region: str, key_id: str) -> seal.SealStanza:
    """Return Vault's stanza, without credentials: they come from the pod's service account."""
    return seal.SealStanza(Seal.type, {"region": region, "kms_key_id": key_id})


def _key(reader: ConfigReader) -> KeySettings:
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


def _role(reader: ConfigReader, default_name: str) -> RoleSettings:
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


def _provision(
    args: seal.SealArgs, chosen: Seal, cluster: "EksCluster", oidc_provider_arn: str
) -> seal.ProvisionedSeal:
    import pulumi

    from components.aws.irsa_role import IrsaRole, IrsaRoleArgs
    from components.aws.policies import role_arn
    from components.aws.unseal_key import AwsUnsealKey, AwsUnsealKeyArgs

    options = pulumi.ResourceOptions(provider=cluster.provider)
    key = AwsUnsealKey(
        "unseal-key",
        AwsUnsealKeyArgs(
            key=chosen.key,
            partition=cluster.partition,
            account_id=cluster.account_id,
            vault_role_arn=role_arn(
                partition=cluster.partition,
                account_id=cluster.account_id,
                path=chosen.role.path,
                name=chosen.role.name,
            ),
            further_statements=args.key_statements,
            protect=args.protect,
            tags=args.tags,
        ),
        options,
    )
    role = IrsaRole(
        "vault-role",
        IrsaRoleArgs(
            oidc_provider_arn=oidc_provider_arn,
            issuer=cluster.issuer,
            role=chosen.role,
            namespace=args.namespace_name,
            service_account=args.service_account,
            key_arn=key.key_arn,
            tags=args.tags,
        ),
        options,
    )
    return seal.ProvisionedSeal(
        stanza=key.key_id.apply(lambda key_id: stanza(cluster.region, key_id)),
        pods=seal.PodRequirements(service_account_annotations={"eks.amazonaws.com/role-arn": role.role_arn}),
        prerequisites=(key, role),
        key=key.key_arn,
        preflight={
            "seal": chosen.type,
            "role_arn": role.role_arn,
            "key_arn": key.key_arn,
            "region": cluster.region,
            "service_account": args.service_account,
        },
        outputs={
            "key_id": key.key_id,
            "key_arn": key.key_arn,
            "key_alias": key.alias,
            "policy_arn": role.policy_arn,
            "role_arn": role.role_arn,
            "role_name": role.role_name,
            "role_path": role.role_path,
            "role_unique_id": role.role_unique_id,
        },
    )

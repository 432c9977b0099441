"""Auto-unseal with AWS KMS, on EKS: a key, and a role for Vault's pods that may use it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from components.errors import DeploymentError
from components.seals import seal
from components.settings.reader import SettingsReader

if TYPE_CHECKING:
    from components.eks_cluster import EksCluster
    from components.settings.model import ClusterSettings, Settings

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
IAM_NAME = r"[\w+=,.@-]+"
IAM_PATH = r"/([\x21-\x7e]+/)?"


@dataclass(frozen=True)
class KeySettings:
    """The KMS key that Vault unseals with."""

    alias: str
    """Alias of the key, ``alias/`` included."""
    deletion_window_days: int
    """Days between the deletion of the key and the loss of everything it sealed (7 to 30)."""
    rotation: bool
    """Whether AWS makes new key material every year; older material stays usable for decryption."""
    retain_on_destroy: bool
    """Whether the key stays in AWS when the stack is destroyed."""


@dataclass(frozen=True)
class RoleSettings:
    """The IAM role that Vault's pods assume, and its policy."""

    name: str
    """Name of the role (at most 64 characters)."""
    policy_name: str
    """Name of the managed policy attached to the role (at most 128 characters)."""
    path: str
    """IAM path of both; begins and ends with a slash."""
    permissions_boundary: str | None
    """ARN of a policy that bounds the role, where an organisation demands one."""


@dataclass(frozen=True)
class Seal(seal.Seal):
    """A key of AWS KMS, used by a role that only the pods of one service account may assume."""

    type: ClassVar[str] = "awskms"
    purpose: ClassVar[str] = "unseals by itself with a key of AWS KMS, on EKS"
    sections: ClassVar[Sequence[str]] = ("key", "role")
    cloud: ClassVar[seal.Cloud] = "aws"
    key: KeySettings
    role: RoleSettings

    @classmethod
    def from_settings(cls, reader: SettingsReader, cluster: "ClusterSettings | None") -> Self:
        """Reads `key` and `role`; the role's default name has the cluster's in it."""
        default_name = f"vault-auto-unseal-{cluster.name if cluster is not None else ''}"
        return cls(key=_key(reader.section("key")), role=_role(reader.section("role"), default_name))

    def provision(self, settings: "Settings", surroundings: seal.Surroundings) -> seal.ProvisionedSeal:
        """Makes key, alias, role and policy."""
        from components.eks_cluster import EksCluster

        cluster = surroundings.cluster
        if not isinstance(cluster, EksCluster) or cluster.oidc_provider_arn is None:
            raise DeploymentError("Seal awskms needs an EKS cluster: set clusterName and region.")
        return _provision(settings, self, cluster, cluster.oidc_provider_arn)


def stanza(region: str, key_id: str) -> seal.SealStanza:
    """Vault's stanza; credentials come from the pod's service account, so none are in it."""
    return seal.SealStanza(Seal.type, {"region": region, "kms_key_id": key_id})


def _key(reader: SettingsReader) -> KeySettings:
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


def _role(reader: SettingsReader, default_name: str) -> RoleSettings:
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
    settings: "Settings", chosen: Seal, cluster: "EksCluster", oidc_provider_arn: str
) -> seal.ProvisionedSeal:
    import pulumi

    from components.aws_unseal_key import AwsUnsealKey, AwsUnsealKeyArgs
    from components.iam_policies import role_arn
    from components.irsa_role import IrsaRole, IrsaRoleArgs

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
            further_statements=_statements_for_secret(settings, cluster),
            protect=settings.protect,
            tags=settings.tags,
        ),
        options,
    )
    role = IrsaRole(
        "vault-role",
        IrsaRoleArgs(
            oidc_provider_arn=oidc_provider_arn,
            issuer=cluster.issuer,
            role=chosen.role,
            namespace=settings.namespace,
            service_account=settings.service_account,
            key_arn=key.key_arn,
            tags=settings.tags,
        ),
        options,
    )
    return seal.ProvisionedSeal(
        stanza=key.key_id.apply(lambda key_id: stanza(cluster.region, key_id)),
        pods=seal.PodNeeds(service_account_annotations={"eks.amazonaws.com/role-arn": role.role_arn}),
        prerequisites=(key, role),
        key=key.key_arn,
        preflight={
            "module": "components.aws_seal_preflight",
            "role_arn": role.role_arn,
            "key_arn": key.key_arn,
            "region": cluster.region,
            "service_account": settings.service_account,
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


def _statements_for_secret(settings: "Settings", cluster: "EksCluster") -> Sequence[Mapping[str, Any]]:
    """What the key policy lets the readers of the keys' secret do, where it is encrypted with this key."""
    from components.custody.stores import aws_secrets_manager
    from components.custody_policies import secret_key_statement

    match settings.custody.store:
        case aws_secrets_manager.Store(kms_key=aws_secrets_manager.UNSEAL_KEY) as store:
            return (
                secret_key_statement(
                    partition=cluster.partition,
                    account_id=cluster.account_id,
                    region=cluster.region,
                    readers=store.readers,
                ),
            )
        case _:
            return ()

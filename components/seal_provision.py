"""What a seal needs in the world before Vault starts, whichever seal it is.

A further seal is a class in the settings, a stanza in `vault_configuration.py` and a case here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.aws_unseal_key import AwsUnsealKey, AwsUnsealKeyArgs
from components.custody.stores import aws_secrets_manager
from components.custody_policies import secret_key_statement
from components.eks_cluster import EksCluster
from components.errors import DeploymentError
from components.iam_policies import role_arn
from components.irsa_role import IrsaRole, IrsaRoleArgs
from components.settings import AwsKmsSeal, Settings, ShamirSeal
from components.vault_configuration import SealStanza, awskms_stanza


@dataclass(frozen=True)
class ProvisionedSeal:
    """What the release and the stack's outputs need to know of the seal."""

    stanza: pulumi.Output[SealStanza] | None = None
    """Seal stanza of Vault's configuration; None for Shamir, which has none."""
    service_account_annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Annotations that give Vault's pods their identity."""
    prerequisites: Sequence[pulumi.Resource] = ()
    """What has to exist before Vault starts: a Vault without permission can be bricked by its init."""
    key: pulumi.Input[str] = ""
    """What names the seal's key, to be kept beside the keys of Vault; empty for Shamir."""
    preflight: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """What the seal is tried with before the init, see `seal_preflight.py`; empty where it needs no key."""
    outputs: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """Stack outputs that this seal adds."""


def provision_seal(settings: Settings, cluster: EksCluster | None) -> ProvisionedSeal:
    """Makes the key and the identity that may use it, where the seal has any."""
    match settings.seal:
        case AwsKmsSeal():
            if cluster is None or cluster.oidc_provider_arn is None:
                raise DeploymentError("Seal awskms needs an EKS cluster: set clusterName and region.")
            return _provision_awskms(settings, settings.seal, cluster, cluster.oidc_provider_arn)
        case ShamirSeal():
            return ProvisionedSeal()


def _provision_awskms(
    settings: Settings, seal: AwsKmsSeal, cluster: EksCluster, oidc_provider_arn: str
) -> ProvisionedSeal:
    options = pulumi.ResourceOptions(provider=cluster.provider)
    key = AwsUnsealKey(
        "unseal-key",
        AwsUnsealKeyArgs(
            key=seal.key,
            partition=cluster.partition,
            account_id=cluster.account_id,
            vault_role_arn=role_arn(
                partition=cluster.partition,
                account_id=cluster.account_id,
                path=seal.role.path,
                name=seal.role.name,
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
            role=seal.role,
            namespace=settings.namespace,
            service_account=settings.service_account,
            key_arn=key.key_arn,
            tags=settings.tags,
        ),
        options,
    )
    return ProvisionedSeal(
        stanza=key.key_id.apply(lambda key_id: awskms_stanza(cluster.region, key_id)),
        service_account_annotations={"eks.amazonaws.com/role-arn": role.role_arn},
        prerequisites=(key, role),
        key=key.key_arn,
        preflight={
            "type": seal.type,
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


def _statements_for_secret(settings: Settings, cluster: EksCluster) -> Sequence[Mapping[str, Any]]:
    """What the key policy lets the readers of the keys' secret do, where it is encrypted with this key."""
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

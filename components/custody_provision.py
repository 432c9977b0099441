"""What the store of the keys needs in the world before the init, whichever store it is.

Most stores need nothing. One that does is a case here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.aws_key_store import AwsKeyStore, AwsKeyStoreArgs
from components.custody.stores import aws_secrets_manager
from components.eks_cluster import EksCluster
from components.errors import DeploymentError
from components.seal_provision import ProvisionedSeal
from components.settings import Settings


@dataclass(frozen=True)
class ProvisionedCustody:
    """What the init and the stack's outputs need to know of the store."""

    prerequisites: Sequence[pulumi.Resource] = ()
    """What has to exist before the init."""
    outputs: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """Stack outputs that this store adds; none of them is secret."""


def provision_custody(
    settings: Settings, cluster: EksCluster | None, seal: ProvisionedSeal
) -> ProvisionedCustody:
    """Makes the place that the keys go to, where the store has none of its own.

    Raises :class:`DeploymentError` where the store doesn't fit the cluster or the seal.
    """
    match settings.custody.store:
        case aws_secrets_manager.Store() as store:
            return _provision_secret(settings, store, cluster, seal)
        case _:
            return ProvisionedCustody()


def _provision_secret(
    settings: Settings,
    store: aws_secrets_manager.Store,
    cluster: EksCluster | None,
    seal: ProvisionedSeal,
) -> ProvisionedCustody:
    if cluster is None:
        raise DeploymentError(
            "Custody aws-secrets-manager keeps the keys in the account of the EKS cluster: set clusterName "
            "and region, or choose another store (custody.store)."
        )
    if store.region != cluster.region:
        raise DeploymentError(
            f"The secret is made in the region of the cluster: set custody.region to {cluster.region} "
            f"(it is {store.region})."
        )
    made = AwsKeyStore(
        "key-store",
        AwsKeyStoreArgs(
            name=store.name,
            readers=store.readers,
            key_arn=_key_arn(store, seal),
            partition=cluster.partition,
            account_id=cluster.account_id,
            region=cluster.region,
            protect=settings.protect,
            tags=settings.tags,
        ),
        pulumi.ResourceOptions(provider=cluster.provider),
    )
    return ProvisionedCustody(
        prerequisites=(made,),
        outputs={
            "secret_arn": made.secret_arn,
            "secret_name": made.secret_name,
            "secret_key_arn": made.secret_key_arn,
        },
    )


def _key_arn(store: aws_secrets_manager.Store, seal: ProvisionedSeal) -> pulumi.Input[str] | None:
    """The key of the secret; None for one that is made for it."""
    if store.kms_key == aws_secrets_manager.OWN_KEY:
        return None
    if store.kms_key != aws_secrets_manager.UNSEAL_KEY:
        return store.kms_key
    if "key_arn" not in seal.outputs:
        raise DeploymentError(
            "custody.kmsKey is unseal-key, but this seal has no KMS key: use own, or the ARN of a key."
        )
    return seal.outputs["key_arn"]

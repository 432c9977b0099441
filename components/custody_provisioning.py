"""Creates what the key store needs before the init.

Most stores need nothing. One that does is a case here. A cloud's SDK is imported where it is used, as each
takes a part of a second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi

from components.custody.stores import aws_secrets_manager, gcp_secret_manager
from components.errors import DeploymentError
from components.progress import say
from components.seals.seal import ProvisionedSeal
from components.settings import Settings

if TYPE_CHECKING:
    from components.aws.cluster import EksCluster
    from components.google.cluster import GkeCluster


@dataclass(frozen=True)
class ProvisionedCustody:
    """The resources of the key store, as the init and the stack's outputs need them."""

    prerequisites: Sequence[pulumi.Resource] = ()
    """Resources that the init depends on."""
    outputs: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """Stack outputs that this store adds; none of them is secret."""


def provision_custody(
    settings: Settings, cluster: "EksCluster | GkeCluster | None", seal: ProvisionedSeal
) -> ProvisionedCustody:
    """Create the secret that the keys go to, if the store needs one.

    Raises :class:`DeploymentError` if the store doesn't fit the cluster or the seal.
    """
    match settings.custody.store:
        case aws_secrets_manager.Store() as store:
            return _provision_aws_secret(settings, store, cluster, seal)
        case gcp_secret_manager.Store() as google_store if google_store.readers:
            return _provision_google_secret(settings, google_store)
        case _:
            return ProvisionedCustody()


def _provision_aws_secret(
    settings: Settings,
    store: aws_secrets_manager.Store,
    cluster: "EksCluster | GkeCluster | None",
    seal: ProvisionedSeal,
) -> ProvisionedCustody:
    from components.aws.secret import AwsKeyStore, AwsKeyStoreArgs

    if cluster is None or cluster.cloud != "aws":
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
            secret_hooks=refuse_deleted_name(store),
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


def refuse_deleted_name(store: aws_secrets_manager.Store) -> pulumi.ResourceHookBinding:
    """Return the hook that refuses a secret whose name AWS keeps for one that was deleted.

    A preview only says so: the command `import` learns from it what to look for.
    """
    dry_run = pulumi.runtime.is_dry_run()

    # Not in a thread, as in interrupted_run.py.
    def before_secret(_args: pulumi.ResourceHookArgs) -> None:
        problem = store.problem_of_creation()
        if problem is not None and not dry_run:
            raise DeploymentError(problem)
        if problem is not None:
            say(problem)

    options = pulumi.ResourceHookOptions(on_dry_run=True)
    return pulumi.ResourceHookBinding(
        before_create=[pulumi.ResourceHook("before-secret", before_secret, options)]
    )


def _key_arn(store: aws_secrets_manager.Store, seal: ProvisionedSeal) -> pulumi.Input[str] | None:
    """Return the ARN of the secret's key; None for one that is created for it."""
    if store.kms_key == aws_secrets_manager.OWN_KEY:
        return None
    if store.kms_key != aws_secrets_manager.UNSEAL_KEY:
        return store.kms_key
    if "key_arn" not in seal.outputs:
        raise DeploymentError(
            "custody.kmsKey is unseal-key, but this seal has no KMS key: use own, or the ARN of a key."
        )
    return seal.outputs["key_arn"]


def _provision_google_secret(settings: Settings, store: gcp_secret_manager.Store) -> ProvisionedCustody:
    if settings.project is None:
        raise DeploymentError(
            "The stack makes the secret of custody.readers in Google Cloud, and project isn't set. Set it, "
            "or make the secret and its rights yourself and remove custody.readers."
        )
    from components.google.project import SECRET_MANAGER, enabled_apis, google_provider
    from components.google.secret import GoogleKeyStore, GoogleKeyStoreArgs

    made = GoogleKeyStore(
        "key-store",
        GoogleKeyStoreArgs(
            secret=store.name,
            readers=store.readers,
            replicas=store.replicas,
            protect=settings.protect,
            labels=settings.tags,
            prerequisites=enabled_apis([SECRET_MANAGER], project=store.name.project)
            if settings.enable_apis
            else (),
        ),
        pulumi.ResourceOptions(provider=google_provider(settings.project)),
    )
    return ProvisionedCustody(prerequisites=(made,), outputs={"secret_name": made.secret_name})

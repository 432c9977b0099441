"""Creates the key and identity that the seal needs; during a migration, those of the old seal too."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pulumi

from components.aws.policies import secret_key_statement
from components.custody.stores import aws_secrets_manager
from components.seals.seal import PodRequirements, ProvisionedSeal, SealArgs, SealStanza
from components.settings import Settings
from components.vault.chart_values import chart_fullname

if TYPE_CHECKING:
    from components.aws.cluster import EksCluster
    from components.google.cluster import GkeCluster


@dataclass(frozen=True)
class ProvisionedSeals:
    """The seal of the settings and, during a migration, the one that Vault leaves."""

    current: ProvisionedSeal
    leaving: ProvisionedSeal | None
    guard: pulumi.Resource
    """Refuses another key than the one that Vault is sealed with."""

    @property
    def stanzas(self) -> Sequence[pulumi.Output[SealStanza]]:
        """The stanzas of Vault's configuration; none for Shamir's seal."""
        stanzas = [self.current.stanza] if self.current.stanza is not None else []
        if self.leaving is not None and self.leaving.stanza is not None:
            stanzas.append(self.leaving.stanza.apply(SealStanza.disabled))
        return stanzas

    @property
    def pods(self) -> PodRequirements:
        """The pod settings that both need."""
        if self.leaving is None:
            return self.current.pods
        old, new = self.leaving.pods, self.current.pods
        return PodRequirements(
            service_account_annotations={
                **old.service_account_annotations,
                **new.service_account_annotations,
            },
            pod_labels={**old.pod_labels, **new.pod_labels},
            pod_annotations={**old.pod_annotations, **new.pod_annotations},
            environment={**old.environment, **new.environment},
            secret_environment=(*old.secret_environment, *new.secret_environment),
            secret_mounts=(*old.secret_mounts, *new.secret_mounts),
            token_mounts=(*old.token_mounts, *new.token_mounts),
        )

    @property
    def prerequisites(self) -> Sequence[pulumi.Resource]:
        """The resources that Vault's start depends on."""
        leaving = self.leaving.prerequisites if self.leaving else ()
        return (self.guard, *self.current.prerequisites, *leaving)

    @property
    def outputs(self) -> Mapping[str, pulumi.Output[str]]:
        """The stack outputs that they add; if both have one of a name, it is the current seal's."""
        return {**(self.leaving.outputs if self.leaving else {}), **self.current.outputs}


def provision_seals(
    settings: Settings,
    cluster: "EksCluster | GkeCluster | None",
    kubernetes_provider: pulumi.ProviderResource,
    namespace: pulumi.Input[str],
    guard: Callable[[pulumi.Input[str], pulumi.Input[str]], pulumi.Resource],
) -> ProvisionedSeals:
    """Create the keys and the identities that may use them, if the seals have any.

    ``namespace`` is Vault's, known once it exists. ``guard`` creates the resource that refuses another key of
    the current seal, and of the one that Vault leaves (empty for none). Raises :class:`DeploymentError` if a
    seal doesn't fit the cluster.
    """
    args = SealArgs(
        cluster=cluster,
        kubernetes_provider=kubernetes_provider,
        namespace=namespace,
        namespace_name=settings.namespace,
        service_account=settings.service_account,
        pod=f"{chart_fullname(settings.release_name)}-0",
        pod_start_seconds=settings.deadlines.pod_start_seconds,
        project=settings.project,
        enable_apis=settings.enable_apis,
        aws_provider=settings.aws_provider,
        guard=None,
        key_statements=_statements_for_secret(settings, cluster),
        protect=settings.protect,
        tags=settings.tags,
    )
    current, leaving = settings.seal, settings.migrate_from
    seals = {current.type: (current, args)}
    if leaving is not None:
        # The last update of a migration removes it from the stack, which protection would refuse. Whether the
        # key itself stays is its own setting.
        seals[leaving.type] = leaving, replace(args, protect=False)
    # A key that the settings name is guarded before its resource, and any other one as soon as it is known.
    keys: dict[str, pulumi.Input[str]] = {}
    provisioned: dict[str, ProvisionedSeal] = {}
    for seal_type, (seal, arguments) in seals.items():
        named = seal.key_in_settings(arguments)
        if named is None:
            provisioned[seal_type] = seal.provision(arguments)
        keys[seal_type] = named if named is not None else provisioned[seal_type].key
    guarded = guard(keys[current.type], keys[leaving.type] if leaving is not None else "")
    for seal_type, (seal, arguments) in seals.items():
        if seal_type not in provisioned:
            provisioned[seal_type] = seal.provision(replace(arguments, guard=guarded))
    return ProvisionedSeals(
        current=provisioned[current.type],
        leaving=provisioned[leaving.type] if leaving is not None else None,
        guard=guarded,
    )


def _statements_for_secret(
    settings: Settings, cluster: "EksCluster | GkeCluster | None"
) -> Sequence[Mapping[str, Any]]:
    """Return statements that let the readers of the keys' secret use the unseal key, if it encrypts that."""
    match settings.custody.store:
        case aws_secrets_manager.Store(kms_key=aws_secrets_manager.UNSEAL_KEY) as store if (
            cluster is not None and cluster.cloud == "aws"
        ):
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

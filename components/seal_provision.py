"""What the stack's seal needs in the world before Vault starts, and so the seal that Vault leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pulumi

from components.seals.seal import PodNeeds, ProvisionedSeal, SealStanza, Surroundings
from components.settings import Settings
from components.vault_configuration import leaving


@dataclass(frozen=True)
class ProvisionedSeals:
    """The seal of the settings, and beside it, during a migration, the one that Vault leaves."""

    current: ProvisionedSeal
    leaving: ProvisionedSeal | None

    @property
    def stanzas(self) -> Sequence[pulumi.Output[SealStanza]]:
        """The stanzas of Vault's configuration; none for Shamir's seal."""
        stanzas = [self.current.stanza] if self.current.stanza is not None else []
        if self.leaving is not None and self.leaving.stanza is not None:
            stanzas.append(self.leaving.stanza.apply(leaving))
        return stanzas

    @property
    def pods(self) -> PodNeeds:
        """What the pods need for all of them."""
        if self.leaving is None:
            return self.current.pods
        old, new = self.leaving.pods, self.current.pods
        return PodNeeds(
            service_account_annotations={
                **old.service_account_annotations,
                **new.service_account_annotations,
            },
            pod_labels={**old.pod_labels, **new.pod_labels},
            pod_annotations={**old.pod_annotations, **new.pod_annotations},
            environment={**old.environment, **new.environment},
            secret_environment=(*old.secret_environment, *new.secret_environment),
            secret_mounts=(*old.secret_mounts, *new.secret_mounts),
        )

    @property
    def prerequisites(self) -> Sequence[pulumi.Resource]:
        """What has to exist before Vault starts."""
        return (*self.current.prerequisites, *(self.leaving.prerequisites if self.leaving else ()))

    @property
    def outputs(self) -> Mapping[str, pulumi.Output[str]]:
        """The stack's outputs that they add; where both have one of a name, it is the current seal's."""
        return {**(self.leaving.outputs if self.leaving else {}), **self.current.outputs}


def provision_seals(settings: Settings, surroundings: Surroundings) -> ProvisionedSeals:
    """Makes the keys and the identities that may use them, where the seals have any.

    Raises :class:`DeploymentError` where a seal doesn't fit the surroundings.
    """
    current = settings.seal.provision(settings, surroundings)
    if settings.migrate_from is None:
        return ProvisionedSeals(current=current, leaving=None)
    # The last update of a migration lets go of it, which protection would refuse. Whether the key itself
    # stays is its own setting.
    unprotected = replace(settings, protect=False)
    return ProvisionedSeals(
        current=current, leaving=settings.migrate_from.provision(unprotected, surroundings)
    )

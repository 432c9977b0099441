"""A seal provisioned on no managed cluster, for seals that create nothing."""

from typing import cast

import pulumi

from components.seal_provisioning import provision_seals
from components.seals.seal import ProvisionedSeal
from components.settings import Settings


def provisioned_seal(settings: Settings) -> ProvisionedSeal:
    """Provision the stack's seal, which may use neither cluster nor provider."""
    return provision_seals(settings, None, cast(pulumi.ProviderResource, None), settings.namespace).current

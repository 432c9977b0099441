"""What seals are provisioned with: no managed cluster, and a guard that lets every key pass."""

from typing import cast

import pulumi

from components.seal_provisioning import provision_seals
from components.seals.seal import ProvisionedSeal
from components.settings import Settings

KEY_GUARD = "test:index:KeyGuard"
"""Type of the guard."""


def guard_keys(seal_key: pulumi.Input[str], migrate_from_key: pulumi.Input[str]) -> pulumi.Resource:
    """A guard that knows the keys, and refuses none."""
    return pulumi.CustomResource(
        KEY_GUARD, "guard", {"seal_key": seal_key, "migrate_from_key": migrate_from_key}
    )


def provisioned_seal(settings: Settings) -> ProvisionedSeal:
    """Provision the stack's seal, which may use neither cluster nor provider."""
    return provision_seals(
        settings,
        None,
        cast(pulumi.ProviderResource, None),
        settings.namespace,
        guard=lambda *_keys: cast(pulumi.Resource, None),
    ).current

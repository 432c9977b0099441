"""Creates the Kubernetes namespace that Vault runs in, or uses an existing one."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.kubernetes.objects import KubernetesObject
from components.settings import Settings


@dataclass(frozen=True)
class ProvisionedNamespace:
    """The namespace, created or existing."""

    name: pulumi.Input[str]
    """Known once it exists."""
    prerequisites: Sequence[pulumi.Resource]
    """Resources that everything in it depends on."""


def provision_namespace(settings: Settings, provider: pulumi.ProviderResource) -> ProvisionedNamespace:
    """Create the namespace, unless the settings say that it exists."""
    if not settings.create_namespace:
        return ProvisionedNamespace(settings.namespace, ())
    # In stacks of earlier versions it is a child of the release, and must not be deleted for that.
    release = pulumi.create_urn("vault", "vault-autounseal:vault:Release")
    namespace = KubernetesObject(
        "v1",
        "Namespace",
        "vault",
        {"metadata": {"name": settings.namespace}},
        pulumi.ResourceOptions(
            provider=provider,
            # Deleting it deletes the volume claims, and with them Vault's data.
            protect=settings.protect,
            aliases=[pulumi.Alias(parent=release)],
        ),
    )
    return ProvisionedNamespace(namespace.metadata["name"], (namespace,))

"""Creates the Kubernetes namespace that Vault runs in, or uses an existing one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.settings import Settings


class Namespace(pulumi.CustomResource):
    """A Kubernetes namespace, by the token of its type.

    The SDK's own class imports all types of the core API, 0.3 s of every preview.
    """

    metadata: pulumi.Output[Mapping[str, Any]]
    """As the Kubernetes API has it."""

    def __init__(self, name: str, namespace: str, opts: pulumi.ResourceOptions) -> None:
        properties = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        super().__init__("kubernetes:core/v1:Namespace", name, properties, opts)


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
    namespace = Namespace(
        "vault",
        settings.namespace,
        pulumi.ResourceOptions(
            provider=provider,
            # Deleting it deletes the volume claims, and with them Vault's data.
            protect=settings.protect,
            aliases=[pulumi.Alias(parent=release)],
        ),
    )
    return ProvisionedNamespace(namespace.metadata["name"], (namespace,))

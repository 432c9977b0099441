"""The Kubernetes namespace that Vault runs in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.settings import Settings


class Namespace(pulumi.CustomResource):
    """A Kubernetes namespace, by the token of its type.

    The SDK's own class comes with all types of the core API, 0.3 s of every preview.
    """

    metadata: pulumi.Output[Mapping[str, Any]]
    """As the Kubernetes API has it."""

    def __init__(self, name: str, namespace: str, opts: pulumi.ResourceOptions) -> None:
        properties = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        super().__init__("kubernetes:core/v1:Namespace", name, properties, opts)


@dataclass(frozen=True)
class ProvisionedNamespace:
    """The namespace, made or found."""

    name: pulumi.Input[str]
    """Known once it is there."""
    prerequisites: Sequence[pulumi.Resource]
    """What has to exist before anything in it."""


def provision_namespace(settings: Settings, provider: pulumi.ProviderResource) -> ProvisionedNamespace:
    """Makes the namespace, unless the settings say that it is there."""
    if not settings.create_namespace:
        return ProvisionedNamespace(settings.namespace, ())
    # Stacks of earlier versions have it beneath the release, and must not lose it for that.
    release = pulumi.create_urn("vault", "vault-autounseal:vault:Release")
    namespace = Namespace(
        "vault",
        settings.namespace,
        pulumi.ResourceOptions(
            provider=provider,
            # Its deletion takes the volume claims along, and with them Vault's data.
            protect=settings.protect,
            aliases=[pulumi.Alias(parent=release)],
        ),
    )
    return ProvisionedNamespace(namespace.metadata["name"], (namespace,))

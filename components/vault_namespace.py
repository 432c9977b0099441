"""The Kubernetes namespace that Vault runs in."""

from collections.abc import Mapping
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


def make_namespace(settings: Settings, provider: pulumi.ProviderResource) -> Namespace:
    """Makes the namespace; its deletion takes the volume claims along, and with them Vault's data."""
    # Stacks of earlier versions have it beneath the release, and must not lose it for that.
    release = pulumi.create_urn("vault", "vault-autounseal:vault:Release")
    return Namespace(
        "vault",
        settings.namespace,
        pulumi.ResourceOptions(
            provider=provider, protect=settings.protect, aliases=[pulumi.Alias(parent=release)]
        ),
    )

"""Registers objects of Kubernetes' core API with the engine."""

from collections.abc import Mapping
from typing import Any

import pulumi


class CoreObject(pulumi.CustomResource):
    """An object of the core API, by the token of its type.

    The SDK's own classes import all types of that API, 0.3 s of every preview.
    """

    metadata: pulumi.Output[Mapping[str, Any]]
    """As the Kubernetes API has it."""

    def __init__(
        self, kind: str, name: str, properties: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> None:
        sent = {"apiVersion": "v1", "kind": kind, **properties}
        super().__init__(f"kubernetes:core/v1:{kind}", name, sent, opts)

"""A dynamic resource that asks nothing and does nothing: what any dynamic resource costs."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import CreateResult, Resource

from components.stable_provider import StableProvider


class InstantProvider(StableProvider):
    """Has no inputs, so that check and diff return at once."""

    inputs: ClassVar[Sequence[str]] = ()

    def create(self, _props: dict[str, Any]) -> CreateResult:
        """Create nothing."""
        return CreateResult("instant", {})


class InstantResource(Resource, module="benchmark", name="Instant"):
    """Starts the host of dynamic providers."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(InstantProvider(), name, {}, opts)

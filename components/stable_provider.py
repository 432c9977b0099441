"""What every dynamic provider here has in common: no edit of its code ever touches its resource."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pulumi.dynamic import DiffResult, ResourceProvider

PROVIDER_KEY = "__provider"
"""The property in which Pulumi keeps the serialised provider (pulumi/dynamic/dynamic.py)."""


class StableProvider(ResourceProvider):
    """Compares the resource's inputs, and never asks for a replacement.

    By Pulumi's default a changed ``__provider``, the serialised provider, replaces the resource. Here it is a
    reference to the class, which no edit changes. Where the class has moved to another module, it makes an
    update, so that the state names the new one: refresh and destroy load what the state names.
    """

    # The classes pickle by reference and capture nothing, so there is nothing to hide in them.
    serialize_as_secret_always = False

    inputs: ClassVar[Sequence[str]]
    """Names of the properties that are compared."""

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Whether an input differs, or the place of the provider's class."""
        changed = any(_olds.get(name) != _news.get(name) for name in (*self.inputs, PROVIDER_KEY))
        return DiffResult(changes=changed, replaces=[], stables=[], delete_before_replace=False)

"""What every dynamic provider here has in common: no edit of its code ever touches its resource."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pulumi.dynamic import DiffResult, ResourceProvider


class StableProvider(ResourceProvider):
    """Compares the resource's inputs alone, and never asks for a replacement.

    By Pulumi's default a changed ``__provider``, the serialised provider, is a change of the resource.
    """

    # The classes pickle by reference and capture nothing, so there is nothing to hide in them.
    serialize_as_secret_always = False

    inputs: ClassVar[Sequence[str]]
    """Names of the properties that are compared."""

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Whether an input differs."""
        changed = any(_olds.get(name) != _news.get(name) for name in self.inputs)
        return DiffResult(changes=changed, replaces=[], stables=[], delete_before_replace=False)

"""Functions of a cloud's provider, with the arguments that they take."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from sandbox.plugins.property_values import PropertyMap
from sandbox.plugins.provider import Function, ProviderError, not_implemented

Cloud = TypeVar("Cloud")


@dataclass(frozen=True)
class DeclaredFunction(Generic[Cloud]):
    """A function that asks a cloud; ``real_only`` are the arguments that only the real plugin takes."""

    call: Callable[[Cloud, PropertyMap], PropertyMap]
    arguments: frozenset[str]
    real_only: frozenset[str] = frozenset()

    def invoke(self, token: str, cloud: Cloud, arguments: PropertyMap) -> PropertyMap:
        """Call the function; raises :class:`ProviderError`, also for an argument that isn't implemented."""
        try:
            for name in arguments:
                if name in self.real_only:
                    what = f"the argument {name} of {token}"
                    raise ProviderError(not_implemented(token.partition(":")[0], what))
                if name not in self.arguments:
                    raise ProviderError(f"Invalid or unknown key. Examine values at '{name}'.")
            return self.call(cloud, arguments)
        except ProviderError as error:
            raise ProviderError(f"invoking {token}: {error}") from error


def function_of(
    functions: Mapping[str, DeclaredFunction[Cloud]], token: str, cloud: Cloud | None, *, setting: str
) -> Function | None:
    """Find the function of a token; ``cloud`` is ``None`` until the provider's ``setting`` is known.

    Raises :class:`ProviderError` then.
    """
    declared = functions.get(token)
    if declared is None:
        return None
    if cloud is None:
        raise ProviderError(f"the provider's {setting} is not known yet, so no function can be called")
    return partial(declared.invoke, token, cloud)

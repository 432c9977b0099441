"""What the functions of the stand-in have in common: they refuse arguments which they do not implement."""

from collections.abc import Set

from sandbox.plugins.property_values import PropertyMap
from sandbox.plugins.provider import ProviderError, not_implemented


def check_arguments(token: str, arguments: PropertyMap, implemented: Set[str], real_only: Set[str]) -> None:
    """Refuse every argument outside of ``implemented``; ``real_only`` are those that the real plugin takes.

    Raises :class:`ProviderError`.
    """
    for name in arguments:
        if name in implemented:
            continue
        if name in real_only:
            raise ProviderError(not_implemented("aws", f"the argument {name} of {token}"))
        raise ProviderError(f"{token}: Invalid or unknown key. Examine values at '{name}'.")

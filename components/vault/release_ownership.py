"""Tells whose Helm release Vault's is, and refuses that it becomes the stack's own again.

A Helm release that leaves the stack is uninstalled, unless the state says to retain it. One update records
that and the next one heeds it, so a hand-over takes two (components/vault_release.py).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.settings.model import Ownership


def ownership(release: "Ownership") -> Mapping[str, str]:
    """Return the property `release` of a resource; none for an own release, as in earlier versions."""
    return {"release": release} if release == "others" else {}


def ownership_problem(olds: Mapping[str, Any], news: Mapping[str, Any]) -> str | None:
    """Return why the property `release` of a resource may not change so; None if it may."""
    if olds.get("release") != "others" or news.get("release") == "others":
        return None
    return (
        "others have installed Vault's release, and Helm doesn't install another one over it. Set release "
        "back to false"
    )

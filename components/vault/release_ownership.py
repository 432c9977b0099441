"""Tells whose Helm release Vault's is, and which changes of that a running Vault wouldn't survive.

A Helm release that leaves the stack is uninstalled, unless the state says to retain it. One update records
that and the next one heeds it, so a hand-over takes two.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.settings.model import Ownership


def ownership(release: "Ownership") -> Mapping[str, str]:
    """Return the property `release` of a resource; none for an own release, as in earlier versions."""
    return {} if release == "own" else {"release": release}


def ownership_problem(olds: Mapping[str, Any], news: Mapping[str, Any]) -> str | None:
    """Return why the property `release` of a resource may not change so; None if it may.

    The resource has to come after the release: then a hand-over that it has recorded is complete.
    """
    old, new = olds.get("release", "own"), news.get("release", "own")
    if not olds or old == new or ("handover" in (old, new) and old != "others"):
        return None
    if old == "own":
        return (
            "this stack has installed Vault's release, and would now uninstall it with Vault's pods. Nothing "
            "was changed. Set release to handover and run pulumi up to its end, and then set it to false "
            "(docs/gitops.md)"
        )
    return (
        "others have installed Vault's release, and Helm doesn't install another one over it. Set release "
        "back to false"
    )

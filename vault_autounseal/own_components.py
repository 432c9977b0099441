"""Verifies that the modules which a stack's state names are those of this package."""

import importlib.util
from pathlib import Path

PACKAGE = "components"


def require_own_components(folder: Path | None = None) -> None:
    """Raise :class:`ImportError` if Python finds another package `components` before the one beside this.

    ``folder`` is where this package's own one is; None for the folder beside it.
    """
    own = folder or Path(__file__).resolve().parents[1] / PACKAGE
    found = importlib.util.find_spec(PACKAGE)
    places = list(found.submodule_search_locations or ()) if found is not None else []
    if own in [Path(place).resolve() for place in places[:1]]:
        return
    where = places[0] if places else found.origin if found is not None else "nowhere"
    raise ImportError(
        f"vault_autounseal needs its package {PACKAGE} ({own}), and Python finds another one before it "
        f"({where}). Give your own another name: the state of every stack of vault-autounseal names the "
        f"modules of {PACKAGE}, so that one can't have another (docs/package.md)."
    )

"""Finds the name that somebody meant."""

import difflib
from collections.abc import Collection


def near_name(name: str, known: Collection[str]) -> str:
    """Return the known name that differs in a letter or two; empty if none does."""
    # Below 0.75 are other words: by default difflib takes "tolerations" for "location".
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.75)), "")

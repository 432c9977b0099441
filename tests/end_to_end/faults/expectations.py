"""What is expected of a fault: what a person sees of each run, and what becomes of the keys."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Keys(Enum):
    """What became of the keys that Vault made first."""

    KEPT = "the first"
    """They unlock the Vault that they were made for, which was initialised once."""
    NEVER_GIVEN = "new ones"
    """Vault made them and its answer was lost before anybody had it, so nobody could put anything into that
    Vault; a person deleted its volumes, and it was initialised again."""
    SAME_SHARES = "the same shares"
    """On a Vault that several faults are tried on: the shares from before the fault."""
    NEW_SHARES = "the new shares"
    """On such a Vault: those that a change of shares made, and no others."""


@dataclass(frozen=True)
class Seen:
    """What a person sees of one run, in words for the page."""

    text: str
    """What is between backticks has to be in what the run said."""
    runs: Sequence[int] = (1,)
    """Which run it is, counted from 1 in the order of their ends; several where any of them may say it."""

    @property
    def words(self) -> Sequence[str]:
        """What the run has to say."""
        return re.findall(r"`([^`]+)`", self.text)


def results_folder(home: Path) -> Path:
    """Return the folder of a run's results, in the home of its sandbox: a file for each fault."""
    return home / "faults"


def summary(outcomes: Sequence[str]) -> str:
    """Return one line on what became of the keys, for docs/faults.md."""
    kept, same, new, never = (
        outcomes.count(keys.value)
        for keys in (Keys.KEPT, Keys.SAME_SHARES, Keys.NEW_SHARES, Keys.NEVER_GIVEN)
    )
    return (
        f"{len(outcomes)} faults injected: in {kept} the first keys unlock Vault, in {same} the shares from "
        f"before the fault, in {new} those that a change made, and in {never} nobody had any keys and an "
        "empty Vault was begun anew"
    )

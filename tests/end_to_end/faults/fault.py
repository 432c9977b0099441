"""What a row of the table of faults is."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.end_to_end.faults.bench import Bench, Keys


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, and what comes of it."""

    name: str
    injected: str
    """What was injected, for a person."""
    seen: str
    """What the person sees; what is between backticks has to be in what the runs said."""
    run: Callable[[Bench], None]
    """Injects it, and does what a person would do then; fails where that isn't enough."""
    keys: Keys = Keys.KEPT

    @property
    def words(self) -> Sequence[str]:
        """What the runs have to say."""
        return re.findall(r"`([^`]+)`", self.seen)

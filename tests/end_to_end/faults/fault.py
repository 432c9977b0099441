"""What a row of the table of faults is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from _pytest.mark.structures import ParameterSet

from tests.end_to_end.faults.bench import Bench
from tests.end_to_end.faults.expectations import Keys, Seen


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, and what comes of it."""

    name: str
    injected: str
    """What was injected, for a person."""
    seen: Sequence[Seen]
    """What the person sees, run by run."""
    run: Callable[[Bench], None]
    """Injects it, and does what a person would do then; fails where that isn't enough."""
    keys: Keys = Keys.KEPT
    replicas: int = 1
    """Vault's pods."""
    alone: bool = False
    """Whether it disturbs every deployment of the sandbox, so that no other test may run meanwhile."""

    @property
    def parameter(self) -> ParameterSet:
        """The fault for `pytest.mark.parametrize`."""
        return pytest.param(self, id=self.name, marks=[pytest.mark.alone] if self.alone else [])

    @property
    def row(self) -> str:
        """The cells of its row after the number, as the page has them."""
        seen = " ".join(part.text for part in self.seen)
        return f"{self.injected} | {self.replicas} | {seen} | {self.keys.value}"

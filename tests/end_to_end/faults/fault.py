"""What a row of the tables of faults is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from _pytest.mark.structures import ParameterSet

from tests.end_to_end.faults.bench import Bench
from tests.end_to_end.faults.expectations import Keys, Seen
from tests.end_to_end.faults.shared_vault import SharedVault


@dataclass(frozen=True, kw_only=True)
class Row(ABC):
    """Something that goes wrong, and what comes of it."""

    name: str
    injected: str
    """What was injected, for a person."""
    seen: Sequence[Seen]
    """What the person sees, run by run."""
    keys: Keys = Keys.KEPT

    @property
    @abstractmethod
    def where(self) -> str:
        """What it is tried on, as the page says it."""

    @property
    def outcome(self) -> str:
        """The last cell of its row."""
        return self.keys.value

    @property
    def row(self) -> str:
        """The cells of its row after the number, as the page has them."""
        seen = " ".join(part.text for part in self.seen)
        return f"{self.injected} | {self.where} | {seen} | {self.outcome}"


@dataclass(frozen=True, kw_only=True)
class Fault(Row):
    """One that is tried on a stack of its own, with nothing deployed at first."""

    run: Callable[[Bench], None]
    """Injects it, and does what a person would do then; fails where that isn't enough."""
    replicas: int = 1
    """Vault's pods."""
    alone: bool = False
    """Whether it disturbs every deployment of the sandbox, so that no other test may run meanwhile."""

    @property
    def where(self) -> str:
        """Number of Vault's pods."""
        return str(self.replicas)

    @property
    def parameter(self) -> ParameterSet:
        """The fault for `pytest.mark.parametrize`."""
        return pytest.param(self, id=self.name, marks=[pytest.mark.alone] if self.alone else [])


@dataclass(frozen=True, kw_only=True)
class Change(Row):
    """One that is tried on a Vault that has its keys already, after others and before others."""

    vault: type[SharedVault]
    run: Callable[[SharedVault], None]
    """As that of :class:`Fault`; what it leaves, the next one has to cope with."""

    @property
    def where(self) -> str:
        """The seal and the place of the keys, if they aren't the usual ones."""
        return self.vault.title

    @property
    def parameter(self) -> ParameterSet:
        """Its Vault and itself for `pytest.mark.parametrize`."""
        return pytest.param(self.vault, self, id=f"{self.vault.title}: {self.name}")

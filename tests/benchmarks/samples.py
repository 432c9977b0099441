"""Repeated measurements of one thing, and the program's beside the floor's."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Unit = Literal["s", "writes"]


@dataclass(frozen=True)
class Samples:
    """One value a round, at least one, in the order of measuring."""

    values: Sequence[float]

    def __post_init__(self) -> None:
        """Raises ValueError where nothing was measured."""
        if not self.values:
            raise ValueError("there is no sample")

    @property
    def median(self) -> float:
        """The middle one; of an even number the mean of the two in the middle."""
        return median(self.values)

    @property
    def minimum(self) -> float:
        """The least."""
        return min(self.values)

    @property
    def maximum(self) -> float:
        """The greatest."""
        return max(self.values)


@dataclass(frozen=True)
class Comparison:
    """One thing measured of the program and of its floor, in turns, in the same rounds."""

    title: str
    unit: Unit
    program: Samples
    floor: Samples
    goal: float
    """How many times the floor the program may take."""
    allowance: Samples | None = None
    """What the program may take on top of that, such as the start of the engine."""

    @property
    def factor(self) -> float | None:
        """How many times the floor the program takes, by the medians and less the allowance.

        None where the floor is nothing at all, which has no multiple.
        """
        if self.floor.median == 0:
            return None
        allowed = 0.0 if self.allowance is None else self.allowance.median
        return (self.program.median - allowed) / self.floor.median

    @property
    def met(self) -> bool:
        """Whether the goal is reached, to the hundredth that the table shows."""
        if self.factor is None:
            return self.program.median == 0
        return round(self.factor, 2) <= self.goal

"""Limits how long questions take if a page has to come in time, whoever doesn't answer."""

import time
from dataclasses import dataclass

_SHORTEST_SECONDS = 0.1


@dataclass(frozen=True)
class TimeLimit:
    """How long each question may take, and all of them."""

    each: float
    """Seconds."""
    until: float
    """Time of :func:`time.monotonic` by which the last one has to have ended."""

    @staticmethod
    def starting_now(*, each: float, together: float) -> "TimeLimit":
        """Return a limit whose time for all questions, in seconds, begins now."""
        return TimeLimit(each, time.monotonic() + together)

    def seconds(self, usual: float) -> float:
        """Return how many seconds a question may take now that usually may take ``usual``; never 0."""
        return max(_SHORTEST_SECONDS, min(usual, self.each, self.until - time.monotonic()))

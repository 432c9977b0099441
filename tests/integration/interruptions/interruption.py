"""What a row of the table of interrupted creations is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Settled(Enum):
    """What puts an end to what a killed run has left."""

    NEXT_RUN = "the next run"
    """`pulumi up` does it again, or takes what exists."""
    RESUME = "`resume`"
    """`python -m components resume --yes`, after which `pulumi up` goes on."""


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """A run that is killed when a cloud or the cluster has done something, and nobody has its answer yet."""

    done: str
    """What was done, for a person."""
    where: str
    """The cloud, or Kubernetes."""
    action: str
    """What the proxy calls the request."""
    resource_type: str
    seen: str
    """What the next run says; what is between backticks literally."""
    settled: Settled

    @property
    def name(self) -> str:
        """What tells it from all other rows."""
        return f"{self.where}: {self.action}"

    @property
    def outcome(self) -> str:
        """The last cell of its row."""
        return self.settled.value

    @property
    def row(self) -> str:
        """The cells of its row after the number, as the page has them."""
        return f"{self.done} | {self.where} | {self.seen} | {self.outcome}"

    @property
    def words(self) -> Sequence[str]:
        """What the next run has to say."""
        return re.findall(r"`([^`]+)`", self.seen)


def summary(outcomes: Sequence[str]) -> str:
    """Return one line on how interrupted runs were settled, for docs/faults.md."""
    return (
        f"{len(outcomes)} interruptions: {outcomes.count(Settled.NEXT_RUN.value)} are settled by the next "
        f"`pulumi up` alone, and {outcomes.count(Settled.RESUME.value)} by `resume`"
    )

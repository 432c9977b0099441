"""No auto-unseal: key shares are given to every pod after each start."""

from dataclasses import dataclass
from typing import ClassVar, Self

from components.config.reader import ConfigReader
from components.seals import seal


@dataclass(frozen=True)
class Seal(seal.Seal):
    """Vault's own seal. It needs nothing but people."""

    type: ClassVar[str] = "shamir"
    purpose: ClassVar[str] = "needs key shares after every start"
    unseals_itself: ClassVar[bool] = False

    @classmethod
    def from_settings(cls, reader: ConfigReader, cluster_name: str | None) -> Self:  # noqa: ARG003
        """It has no settings."""
        return cls()

    def provision(self, args: seal.SealArgs) -> seal.ProvisionedSeal:  # noqa: ARG002
        """It has no stanza either: a Vault without one uses key shares."""
        return seal.ProvisionedSeal()

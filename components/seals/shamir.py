"""Seals with key shares, without auto-unseal: every pod needs them after each start."""

from dataclasses import dataclass
from typing import ClassVar, Self

from components.config.reader import ConfigReader
from components.seals import seal


@dataclass(frozen=True)
class Seal(seal.Seal):
    """Vault's own seal, which needs nothing but people with key shares."""

    type: ClassVar[str] = "shamir"
    purpose: ClassVar[str] = "needs key shares after every start"
    unseals_itself: ClassVar[bool] = False

    @classmethod
    def from_settings(cls, reader: ConfigReader, cluster_name: str | None) -> Self:  # noqa: ARG003
        """Return the seal, which has no settings."""
        return cls()

    def provision(self, args: seal.SealArgs) -> seal.ProvisionedSeal:  # noqa: ARG002
        """Create nothing; without a stanza Vault uses key shares."""
        return seal.ProvisionedSeal()

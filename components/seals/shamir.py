"""No auto-unseal: key shares are given to every pod after each start."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from components.seals import seal

if TYPE_CHECKING:
    from components.settings.model import ClusterSettings, Settings
    from components.settings.reader import SettingsReader


@dataclass(frozen=True)
class Seal(seal.Seal):
    """Vault's own seal. It needs nothing but people."""

    type: ClassVar[str] = "shamir"
    purpose: ClassVar[str] = "needs key shares after every start"
    unseals_itself: ClassVar[bool] = False

    @classmethod
    def from_settings(cls, reader: "SettingsReader", cluster: "ClusterSettings | None") -> Self:  # noqa: ARG003
        """It has no settings."""
        return cls()

    def provision(self, settings: "Settings", surroundings: seal.Surroundings) -> seal.ProvisionedSeal:  # noqa: ARG002
        """It has no stanza either: a Vault without one uses key shares."""
        return seal.ProvisionedSeal()

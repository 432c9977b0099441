"""Settings of how a change reaches Vault's pods."""

from dataclasses import dataclass

from components.config.reader import ConfigReader


@dataclass(frozen=True)
class UpgradeSettings:
    """How a change of the release reaches the pods that run already."""

    roll: bool = True
    """Whether `pulumi up` replaces outdated pods, one by one; else people delete them."""
    pod_seconds: int = 300
    """How long, in seconds, each replaced pod may take until it serves again."""
    snapshot: bool = True
    """Whether the first pod with another image waits for a snapshot, if there is a schedule of them."""


def read_upgrade(reader: ConfigReader, *, unseals_itself: bool) -> UpgradeSettings:
    """Read ``upgrade``; the pods of a seal that needs people after each start aren't replaced by default."""
    upgrade = UpgradeSettings(
        roll=reader.flag("roll", unseals_itself),
        pod_seconds=reader.integer("podSeconds", 300, range(10, 3601), "give 10 to 3600 seconds"),
        snapshot=reader.flag("snapshot", True),
    )
    reader.unknown_keys()
    return upgrade

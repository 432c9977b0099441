"""How a change reaches the pods."""

import pytest

from components.errors import SettingsError
from components.settings.upgrade import UpgradeSettings
from tests.unit.fakes.stack_settings import EKS, SHAMIR, parse


def test_pods_are_replaced_unless_each_needs_people_then() -> None:
    assert parse(EKS).upgrade == UpgradeSettings(roll=True, pod_seconds=300)
    assert parse(SHAMIR).upgrade == UpgradeSettings(roll=False, pod_seconds=300)


def test_given_settings_count() -> None:
    assert parse({**SHAMIR, "upgrade": {"roll": True, "podSeconds": 30}}).upgrade == UpgradeSettings(True, 30)
    assert parse({**EKS, "upgrade": {"roll": False}}).upgrade.roll is False
    assert parse(EKS).upgrade.snapshot is True
    assert parse({**EKS, "upgrade": {"snapshot": False}}).upgrade.snapshot is False


@pytest.mark.parametrize(
    ("upgrade", "problem"),
    [
        ({"podSeconds": 9}, "upgrade.podSeconds is 9: give 10 to 3600 seconds"),
        ({"roll": "slowly"}, "upgrade.roll is"),
        ({"rolls": True}, "upgrade.rolls"),
    ],
)
def test_wrong_settings_are_told(upgrade: dict[str, object], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        parse({**EKS, "upgrade": upgrade})

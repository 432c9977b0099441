"""How a change reaches the pods, and which images are refused."""

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


@pytest.mark.parametrize("tag", ["1.19.17", "1.20.11", "v1.21.6", "1.21.6-ent", "2.0.1"])
def test_image_that_does_not_start_is_refused_with_the_next_one(tag: str) -> None:
    with pytest.raises(SettingsError, match=r"image.tag is .* doesn't start in the chart's pods .* use \d"):
        parse({**EKS, "image": {"tag": tag}})


@pytest.mark.parametrize("tag", ["1.19.16", "1.19.18", "1.20.12", "1.21.60", "2.0.2"])
def test_its_neighbours_are_taken(tag: str) -> None:
    assert parse({**EKS, "image": {"tag": tag}}).image.tag == tag

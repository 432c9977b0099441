"""Whose release it is, and which change of that is refused."""

from collections.abc import Mapping

import pytest

from components.settings.model import Ownership
from components.vault.release_ownership import ownership, ownership_problem

OWN: Mapping[str, str] = {"shares": "5"}
"""What earlier versions recorded, too."""
OTHERS = {**OWN, "release": "others"}


@pytest.mark.parametrize(
    ("release", "recorded"), [("own", {}), ("handover", {}), ("others", {"release": "others"})]
)
def test_own_release_is_recorded_as_in_earlier_versions(
    release: Ownership, recorded: Mapping[str, str]
) -> None:
    assert ownership(release) == recorded


@pytest.mark.parametrize(
    ("olds", "news"), [({}, OWN), ({}, OTHERS), (OWN, OWN), (OTHERS, OTHERS), (OWN, OTHERS)]
)
def test_release_is_left_to_others(olds: Mapping[str, str], news: Mapping[str, str]) -> None:
    assert ownership_problem(olds, news) is None


def test_release_of_others_does_not_become_the_stacks_own() -> None:
    assert "others have installed Vault's release" in str(ownership_problem(OTHERS, OWN))

"""Whose release it is, and which changes of that are refused."""

from collections.abc import Mapping

import pytest

from components.settings.model import Ownership
from components.vault.release_ownership import ownership, ownership_problem

UNINSTALLED = "would now uninstall it"
SECOND = "others have installed Vault's release"
OWN: Mapping[str, str] = {"shares": "5"}
"""What earlier versions recorded, too."""
HANDOVER = {**OWN, "release": "handover"}
OTHERS = {**OWN, "release": "others"}


@pytest.mark.parametrize(
    ("release", "recorded"),
    [("own", {}), ("handover", {"release": "handover"}), ("others", {"release": "others"})],
)
def test_own_release_is_recorded_as_in_earlier_versions(
    release: Ownership, recorded: Mapping[str, str]
) -> None:
    assert ownership(release) == recorded


@pytest.mark.parametrize(
    ("olds", "news"),
    [
        *[({}, news) for news in (OWN, HANDOVER, OTHERS)],
        *[(same, same) for same in (OWN, HANDOVER, OTHERS)],
        (OWN, HANDOVER),
        (HANDOVER, OWN),
        (HANDOVER, OTHERS),
    ],
)
def test_hand_over_step_by_step_is_taken(olds: Mapping[str, str], news: Mapping[str, str]) -> None:
    assert ownership_problem(olds, news) is None


@pytest.mark.parametrize(
    ("olds", "news", "why"), [(OWN, OTHERS, UNINSTALLED), (OTHERS, OWN, SECOND), (OTHERS, HANDOVER, SECOND)]
)
def test_change_that_vault_would_not_survive_is_refused(
    olds: Mapping[str, str], news: Mapping[str, str], why: str
) -> None:
    assert why in str(ownership_problem(olds, news))

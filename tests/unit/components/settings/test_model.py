"""What follows from the settings."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pytest

from components.settings.model import CustodySettings
from tests.unit.fakes.scripted_store import Store
from tests.unit.fakes.stack_settings import EKS, SHAMIR, parse


@pytest.mark.parametrize(("mode", "storage"), [("ha", "raft"), ("standalone", "file")])
def test_storage_follows_from_the_mode(mode: str, storage: str) -> None:
    assert parse({**SHAMIR, "mode": mode}).storage == storage


@pytest.mark.parametrize(
    ("more", "types"),
    [({}, ["awskms"]), ({"seal": "shamir", "migrateFrom": {"seal": "awskms"}}, ["shamir", "awskms"])],
)
def test_seals_are_the_one_of_vault_and_the_one_that_it_leaves(
    more: Mapping[str, Any], types: Sequence[str]
) -> None:
    assert [seal.type for seal in parse({**EKS, **more}).seals] == types


def test_custody_is_a_property_of_a_resource() -> None:
    # The engine drops None.
    assert CustodySettings("state", None).to_properties() == {}
    stored = CustodySettings("tests.unit.fakes.scripted_store", Store("/keys"))
    assert stored.to_properties() == {
        "store": "tests.unit.fakes.scripted_store",
        "options": {"folder": "/keys"},
    }


def test_token_is_in_no_representation() -> None:
    class Revealing(pulumi.Output[str]):
        def __repr__(self) -> str:
            return "hvs.token"

    assert "hvs.token" not in repr(parse(SHAMIR, token=object.__new__(Revealing)))

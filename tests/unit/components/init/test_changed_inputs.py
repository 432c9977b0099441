from collections.abc import Mapping
from typing import Any

import pytest

from components.custody.pgp_keys import load_public_key
from components.init.changed_inputs import changed_share_inputs, completes_migration, unusable_keys
from tests.unit.fakes.pgp_keys import EXPIRED, new_key


def properties(seal_type: str, migrate_from: str = "") -> dict[str, Any]:
    return {"seal_type": seal_type, "migrate_from": migrate_from}


@pytest.mark.parametrize(
    ("olds", "news", "completes"),
    [
        (properties("transit", "shamir"), properties("transit"), True),
        (properties("transit", "shamir"), properties("shamir"), False),
        (properties("shamir"), properties("transit", "shamir"), False),
        (properties("transit", "shamir"), properties("transit", "shamir"), False),
        ({"seal_type": "transit"}, properties("transit"), False),
        # While the release of others was away the state saw no migration begin.
        (properties("shamir"), properties("transit"), True),
        # As in the state of an earlier version.
        ({}, properties("transit"), False),
    ],
)
def test_update_that_notes_the_new_seal(
    olds: Mapping[str, Any], news: Mapping[str, Any], completes: bool
) -> None:
    assert completes_migration(olds, news) is completes


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({}, []),
        ({"shares": 7}, ["shares"]),
        ({"threshold": 2, "pgp_keys": [new_key()]}, ["threshold", "pgp_keys"]),
        # The state of an earlier version has no keys, and that is no change.
        ({"pgp_keys": []}, []),
        ({"pod_start_seconds": 9}, []),
    ],
)
def test_inputs_that_ask_for_new_shares(changed: Mapping[str, Any], names: list[str]) -> None:
    olds = {"shares": 5, "threshold": 3, "pod_start_seconds": 5}
    assert changed_share_inputs(olds, {**olds, **changed}) == names


def test_keys_that_nothing_can_be_encrypted_to_are_told_by_input() -> None:
    expired = load_public_key(EXPIRED).base64
    good = new_key()
    assert unusable_keys({}) == {}
    assert unusable_keys({"pgp_keys": [good], "root_token_pgp_key": good}) == {}
    (name,) = unusable_keys({"pgp_keys": [good, expired], "root_token_pgp_key": good})
    assert name == "pgp_keys"
    assert set(unusable_keys({"pgp_keys": [expired], "root_token_pgp_key": expired})) == {
        "pgp_keys",
        "root_token_pgp_key",
    }

"""The typed inputs of the init, and the keys that the state has."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.custody.key_record import KeyRecord
from components.init.inputs import INPUTS, InitInputs, state_record
from tests.unit.fakes.init_inputs import DEPLOYMENT, access, init_inputs
from tests.unit.fakes.key_records import ROOT_TOKEN, SHARES

STATE: Mapping[str, Any] = {
    "threshold": 2,
    "root_token": ROOT_TOKEN,
    "recovery_shares": list(SHARES),
    "key_shares": [],
}


def test_every_property_is_compared() -> None:
    assert set(INPUTS) == set(init_inputs())


def test_inputs_are_those_of_the_resource() -> None:
    properties = init_inputs(pgp_keys=["key"] * 5, adopted_keys_file="/keys.json", adopt=True)
    inputs = InitInputs.from_properties(properties, adopted_keys="{}")
    assert (inputs.access, inputs.deployment) == (access(), DEPLOYMENT)
    assert (inputs.custody.store, inputs.custody.deployment) == (None, DEPLOYMENT)
    assert (inputs.pgp_keys, inputs.adopted_keys) == (("key",) * 5, "{}")
    same = set(INPUTS) - {"access", "cluster_uid", "custody", "migrate_from", "pgp_keys"}
    assert {name: getattr(inputs, name) for name in same} == {name: properties[name] for name in same}


def test_numbers_of_the_engine_are_whole() -> None:
    """The engine has no integers, so 3 comes back as 3.0."""
    inputs = InitInputs.from_properties(init_inputs(shares=5.0, threshold=3.0), "")
    assert [repr(number) for number in (inputs.shares, inputs.threshold)] == ["5", "3"]


def test_secrets_are_in_no_representation() -> None:
    inputs = InitInputs.from_properties(init_inputs(journal_key="of the journal"), "of an init")
    assert not [secret for secret in ("of the journal", "of an init") if secret in repr(inputs)]


@pytest.mark.parametrize(
    ("encrypted", "shares_encrypted", "root_token_encrypted"),
    [
        ({}, False, False),
        ({"pgp_keys": [], "root_token_pgp_key": ""}, False, False),
        ({"pgp_keys": ["key"]}, True, False),
        ({"root_token_pgp_key": "key"}, False, True),
    ],
    ids=["earlier version", "plain", "shares", "root token"],
)
def test_record_of_the_state(
    encrypted: Mapping[str, Any], shares_encrypted: bool, root_token_encrypted: bool
) -> None:
    inputs = InitInputs.from_properties(init_inputs(threshold=3), "")
    assert state_record(inputs, {**STATE, **encrypted}) == KeyRecord(
        deployment=DEPLOYMENT,
        seal_type="awskms",
        seal_key=inputs.seal_key,
        threshold=2,
        root_token=ROOT_TOKEN,
        recovery_shares=SHARES,
        key_shares=(),
        shares_encrypted=shares_encrypted,
        root_token_encrypted=root_token_encrypted,
    )

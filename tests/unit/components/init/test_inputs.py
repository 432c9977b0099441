"""The typed inputs of the init, and the keys that the state has."""

import base64
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyStoreError
from components.custody.pgp_keys import encrypt_share
from components.init.inputs import INPUTS, InitInputs, holders_of, state_record
from tests.unit.fakes.init_inputs import DEPLOYMENT, access, init_inputs
from tests.unit.fakes.key_records import ROOT_TOKEN, SHARES
from tests.unit.fakes.pgp_keys import new_key

STATE: Mapping[str, Any] = {
    "threshold": 2,
    "root_token": ROOT_TOKEN,
    "recovery_shares": list(SHARES),
    "key_shares": [],
}
HOLDERS_KEY = new_key()


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
        ({"pgp_keys": [HOLDERS_KEY]}, True, False),
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
        holders=holders_of([HOLDERS_KEY]) if shares_encrypted else (),
    )


@pytest.mark.parametrize("shares", [1, 5, 255])
def test_largest_record_is_as_long_as_that_of_the_keys(shares: int) -> None:
    largest = InitInputs.from_properties(init_inputs(shares=shares, threshold=1), "").largest_record()
    real = replace(
        largest,
        # Of a share with 33 bytes, and a token of Vault's newest kind.
        recovery_shares=("x" * 44,) * shares,
        root_token="hvs." + "x" * 91,
        cluster_id=str(uuid.uuid4()),
    )
    assert len(real.to_json()) <= len(largest.to_json()) <= len(real.to_json()) + 100


def test_largest_record_has_room_for_messages_to_the_holders() -> None:
    key = new_key()
    inputs = InitInputs.from_properties(init_inputs(pgp_keys=[key] * 5, root_token_pgp_key=key), "")
    largest = inputs.largest_record()
    message = encrypt_share(base64.b64encode(bytes(33)).decode(), key)
    assert len(largest.shares) == 5
    assert largest.holders == holders_of([key] * 5)
    assert all(len(share) > len(message) for share in largest.shares)
    assert len(largest.root_token) > len(message)


def test_as_many_shares_as_vault_allows_are_refused_by_a_store_they_do_not_fit() -> None:
    options = {"name": "vault/keys", "region": "eu-central-1", "kms_key": "own", "readers": ["ada"]}
    custody = {"store": "aws-secrets-manager", "options": options}
    few = InitInputs.from_properties(init_inputs(shares=255, custody=custody), "")
    few.custody.require_room(few.largest_record)
    many = InitInputs.from_properties(init_inputs(pgp_keys=[new_key()] * 255, custody=custody), "")
    with pytest.raises(KeyStoreError, match="use fewer shares, or smaller PGP keys"):
        many.custody.probe(many.largest_record)

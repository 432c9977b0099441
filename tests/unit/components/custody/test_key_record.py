"""The record of the keys: what comes back, and what is refused without a word of it."""

import json
import traceback
from dataclasses import fields, replace
from typing import Any

import pytest

from components.custody.key_record import KeyRecord, KeyRecordError
from tests.unit.fakes.key_records import ROOT_TOKEN, SHARES, key_record

SHAMIR = replace(key_record(), seal_type="shamir", seal_key="", recovery_shares=(), key_shares=SHARES)
ENCRYPTED = replace(key_record(), shares_encrypted=True, root_token_encrypted=True, cluster_id="7d0f")


@pytest.mark.parametrize("record", [key_record(), SHAMIR, ENCRYPTED], ids=["awskms", "shamir", "encrypted"])
def test_record_comes_back_as_it_went(record: KeyRecord) -> None:
    assert KeyRecord.from_json(record.to_json()) == record
    assert json.loads(record.to_json())["format"] == 1
    assert list(record.shares) == list(SHARES)


def test_record_is_not_printed() -> None:
    assert not [secret for secret in (ROOT_TOKEN, *SHARES) if secret in f"{key_record()!r} {key_record()}"]


def test_fingerprint_is_that_of_the_shares_alone() -> None:
    record = key_record()
    assert record.fingerprint.startswith("sha256:")
    assert len(record.fingerprint) == len("sha256:") + 64
    for changed in (record.without_root_token(), replace(record, cluster_id="7d0f", deployment="other")):
        assert changed.fingerprint == record.fingerprint
    assert replace(record, recovery_shares=SHARES[:1]).fingerprint != record.fingerprint


def test_record_without_the_root_token_keeps_all_else() -> None:
    without = ENCRYPTED.without_root_token()
    assert (without.root_token, without.root_token_encrypted) == ("", False)
    assert replace(without, root_token=ROOT_TOKEN, root_token_encrypted=True) == ENCRYPTED


def changed(**fields: Any) -> str:
    return json.dumps({**json.loads(key_record().to_json()), **fields})


def without(name: str) -> str:
    return json.dumps(
        {key: value for key, value in json.loads(key_record().to_json()).items() if key != name}
    )


def test_record_of_an_earlier_version_names_no_holders() -> None:
    record = replace(ENCRYPTED, holders=("c0ffee",))
    assert KeyRecord.from_json(record.to_json()) == record
    assert KeyRecord.from_json(without("holders")).holders == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (ROOT_TOKEN, "it isn't JSON"),
        ("", "it isn't JSON"),
        (json.dumps([ROOT_TOKEN]), "it isn't a key record of format 1"),
        (json.dumps(ROOT_TOKEN), "it isn't a key record of format 1"),
        (json.dumps({"root_token": ROOT_TOKEN}), "it isn't a key record of format 1"),
        (changed(format=2), "it isn't a key record of format 1"),
        (changed(root_token=[ROOT_TOKEN]), "fields of a key record"),
        (changed(recovery_shares=[7]), "fields of a key record"),
        (changed(recovery_shares=None), "fields of a key record"),
        (changed(threshold=ROOT_TOKEN), "fields of a key record"),
        (changed(shares_encrypted="no"), "fields of a key record"),
        (changed(holders=[7]), "fields of a key record"),
        *(
            (without(field.name), "fields of a key record")
            for field in fields(KeyRecord)
            if field.name != "holders"
        ),
    ],
)
def test_something_else_is_refused_without_a_word_of_it(text: str, why: str) -> None:
    with pytest.raises(KeyRecordError) as raised:
        KeyRecord.from_json(text)
    assert why in str(raised.value)
    # With what it came from, as an error that nobody foresaw would be shown.
    told = "".join(traceback.format_exception(raised.value))
    assert not [secret for secret in (ROOT_TOKEN, *SHARES) if secret in told]

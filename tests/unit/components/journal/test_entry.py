"""One entry of the journal, as it is stored and read back."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from components.journal.encryption import JournalError
from components.journal.entry import JournalEntry
from components.journal.lock_holder import LockHolder

ENTRY = JournalEntry(
    deployment="uid/vault/vault",
    run=LockHolder.current(),
    began=datetime.now(UTC).isoformat(),
    volume="of the data",
    header={"cipher": "stack-key"},
)


@pytest.mark.parametrize(("ciphertext", "stage"), [("", "intent"), ("a2V5cw==", "kept")])
def test_entry_comes_back_as_it_was_stored(ciphertext: str, stage: str) -> None:
    entry = replace(ENTRY, ciphertext=ciphertext)
    assert entry.kept is bool(ciphertext)
    assert json.loads(entry.to_json())["stage"] == stage
    assert JournalEntry.from_json(entry.to_json()) == entry


def test_entry_of_an_earlier_version_has_no_rekey() -> None:
    document = json.loads(replace(ENTRY, rekey_nonce="n").to_json())
    assert JournalEntry.from_json(json.dumps(document)).rekey_nonce == "n"
    del document["rekey_nonce"]
    assert JournalEntry.from_json(json.dumps(document)) == ENTRY


@pytest.mark.parametrize(
    "changed", [{"format": 0}, {"began": "2026-01-01T00:00:00"}, {"began": "yesterday"}, {"run": None}]
)
def test_text_that_is_no_entry(changed: dict[str, object]) -> None:
    with pytest.raises(JournalError, match="isn't the journal of an init"):
        JournalEntry.from_json(json.dumps({**json.loads(ENTRY.to_json()), **changed}))


def test_entry_matches_the_volume_that_it_began_with() -> None:
    assert ENTRY.matches_volume("of the data")
    assert not ENTRY.matches_volume("")


def test_entry_belongs_to_a_live_run_unless_it_is_this_one() -> None:
    assert not ENTRY.belongs_to_live_run
    another = replace(ENTRY.run, run_id="another", host="another machine", system="another boot")
    assert replace(ENTRY, run=another).belongs_to_live_run
    assert not replace(ENTRY, run=another, began="2020-01-01T00:00:00+00:00").belongs_to_live_run

"""One entry of the journal, as it is stored and read back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from components.journal.encryption import JournalError
from components.journal.entry import UNLEASED_SECONDS, JournalEntry
from components.kubernetes.lease import RunIdentity

ENTRY = JournalEntry(
    deployment="uid/vault/vault",
    run=RunIdentity.new(),
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


@pytest.mark.parametrize(
    "changed", [{"format": 0}, {"began": "2026-01-01T00:00:00"}, {"began": "yesterday"}, {"run": None}]
)
def test_text_that_is_no_entry(changed: dict[str, object]) -> None:
    with pytest.raises(JournalError, match="isn't the journal of an init"):
        JournalEntry.from_json(json.dumps({**json.loads(ENTRY.to_json()), **changed}))


def test_entry_matches_the_volume_that_it_began_with() -> None:
    assert ENTRY.matches_volume("of the data")
    assert not ENTRY.matches_volume("")


OF_EARLIER_VERSION = """{
  "format": 1, "stage": "intent", "deployment": "uid/vault/vault",
  "run": {
    "run_id": "c0ffee", "host": "build-7", "system": "b00t pid:[4026531836]",
    "process": {"pid": 12, "started": "4711"}, "engine": {"pid": 11, "started": "4710"}
  },
  "began": "%s", "volume": "of the data", "header": {"cipher": "stack-key", "salt": "c2FsdA=="},
  "ciphertext": "", "fingerprint": ""
}"""
"""As a version stored it that took no lease."""


@pytest.mark.parametrize(
    ("age", "live"),
    [(0, True), (UNLEASED_SECONDS - 5, True), (UNLEASED_SECONDS, False), (-3600, True)],
    ids=["new", "almost a quarter of an hour", "a quarter of an hour", "by a clock that is ahead"],
)
def test_run_of_an_earlier_version_counts_as_alive_by_its_age(age: int, live: bool) -> None:
    began = (datetime.now(UTC) - timedelta(seconds=age)).isoformat(timespec="seconds")
    entry = JournalEntry.from_json(OF_EARLIER_VERSION % began)
    assert entry.belongs_to_live_run is live
    assert entry.run == RunIdentity("c0ffee", "build-7")
    assert JournalEntry.from_json(entry.to_json()) == entry


def test_run_with_a_lease_is_alive_only_by_that() -> None:
    assert not JournalEntry.from_json(ENTRY.to_json()).belongs_to_live_run

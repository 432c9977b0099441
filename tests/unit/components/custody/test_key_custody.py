"""Where the keys are: the state asks nobody, a store is asked again and hands out no foreign keys."""

from dataclasses import replace
from pathlib import Path

import pytest

from components.custody import key_custody
from components.custody.key_custody import STATE_LOCATION, WRITE_ATTEMPTS, KeyCustody, KeysNotStoredError
from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyStoreError, store_to_properties
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import DEPLOYMENT, TARGET
from tests.unit.fakes.scripted_vault import ROOT_TOKEN
from tests.unit.fakes.vault_keys import RECORD, shown

STATE = KeyCustody.from_properties({}, TARGET, DEPLOYMENT)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store is asked again at once."""
    monkeypatch.setattr(key_custody, "_PAUSE_SECONDS", 0)


@pytest.fixture
def store(tmp_path: Path) -> scripted_store.Store:
    return scripted_store.Store(str(tmp_path))


@pytest.fixture
def custody(store: scripted_store.Store) -> KeyCustody:
    properties = store_to_properties(scripted_store.__name__, store)
    return KeyCustody.from_properties(properties, TARGET, DEPLOYMENT)


def test_state_needs_no_store() -> None:
    STATE.probe()
    assert STATE.find() is None
    assert STATE.put(RECORD).location == STATE.location == STATE_LOCATION
    assert STATE.root_token(in_state=ROOT_TOKEN) == ROOT_TOKEN


def test_state_of_an_earlier_program_has_no_custody() -> None:
    assert KeyCustody.from_properties(None, TARGET, DEPLOYMENT) == STATE


def test_store_keeps_the_keys(custody: KeyCustody, store: scripted_store.Store) -> None:
    assert custody.find() is None
    reference = custody.put(RECORD)
    assert (reference.location, reference.version) == (store.location, "1")
    assert custody.find() == RECORD


def test_probe_is_the_stores(custody: KeyCustody, store: scripted_store.Store) -> None:
    custody.probe()
    store.refuse_probe()
    with pytest.raises(KeyStoreError, match="refused the probe"):
        custody.probe()


@pytest.mark.parametrize("failures", [0, 1, WRITE_ATTEMPTS - 1])
def test_store_is_asked_again(custody: KeyCustody, store: scripted_store.Store, failures: int) -> None:
    store.fail(failures)
    custody.put(RECORD)
    assert custody.find() == RECORD


def test_store_that_raises_what_nobody_foresaw(
    custody: KeyCustody, store: scripted_store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text of such an error may hold the keys, so only its kind is told."""

    def write(_store: object, record: KeyRecord, _target: object) -> None:
        raise ValueError(record.to_json())

    monkeypatch.setattr(scripted_store.Store, "write", write)
    with pytest.raises(KeysNotStoredError) as raised:
        custody.put(RECORD)
    assert str(raised.value) == f"{store.location} didn't take the keys: ValueError"
    assert raised.value.__cause__ is None


def test_store_is_not_asked_for_ever(
    custody: KeyCustody, store: scripted_store.Store, capfd: pytest.CaptureFixture[str]
) -> None:
    store.fail(WRITE_ATTEMPTS)
    with pytest.raises(KeysNotStoredError) as raised:
        custody.put(RECORD)
    assert str(raised.value) == f"{store.location} didn't take the keys: the store is away"
    assert shown(capfd.readouterr().err) == []
    # Every attempt was made.
    custody.put(RECORD)


@pytest.mark.parametrize(
    ("record", "token"),
    [
        (RECORD, ROOT_TOKEN),
        (RECORD.without_root_token(), ""),
        (replace(RECORD, root_token_encrypted=True), ""),
        (None, ""),
    ],
    ids=["plain", "revoked", "a holder's", "adopted without keys"],
)
def test_root_token_of_the_store_is_taken_where_it_is_plain(
    custody: KeyCustody, record: KeyRecord | None, token: str
) -> None:
    if record is not None:
        custody.put(record)
    # The state has none of the keys then.
    assert custody.root_token(in_state="hvs.of-the-state") == token


def test_keys_of_another_vault_are_not_handed_out(custody: KeyCustody) -> None:
    custody.put(replace(RECORD, deployment="other-uid/secrets/vault"))
    for ask in (custody.find, lambda: custody.root_token(in_state="")):
        with pytest.raises(KeyStoreError, match="holds the keys of another Vault"):
            ask()

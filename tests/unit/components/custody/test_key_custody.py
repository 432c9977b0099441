"""Where the keys are: the state asks nobody, a store is asked again and hands out no foreign keys."""

from dataclasses import replace
from pathlib import Path

import pytest

from components.custody import key_custody
from components.custody.key_custody import STATE_LOCATION, WRITE_ATTEMPTS, KeyCustody, KeysNotStoredError
from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyStoreError, store_to_properties
from components.kubernetes.lease import LeaseLostError, RunLease
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import DEPLOYMENT, TARGET, InitCluster, provide_cluster
from tests.unit.fakes.scripted_vault import ROOT_TOKEN
from tests.unit.fakes.vault_keys import OTHER, RECORD, shown

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


def unneeded() -> KeyRecord:
    """Only a store with a limit asks for it."""
    raise AssertionError


def test_state_needs_no_store() -> None:
    STATE.probe(unneeded)
    assert STATE.find() is None
    assert STATE.put(RECORD, None).location == STATE.location == STATE_LOCATION
    assert STATE.root_token(in_state=ROOT_TOKEN) == ROOT_TOKEN


def test_state_of_an_earlier_program_has_no_custody() -> None:
    assert KeyCustody.from_properties(None, TARGET, DEPLOYMENT) == STATE


def test_store_keeps_the_keys(custody: KeyCustody, store: scripted_store.Store) -> None:
    assert custody.find() is None
    reference = custody.put(RECORD, None)
    assert (reference.location, reference.version) == (store.location, "1")
    assert custody.find() == RECORD


def test_probe_is_the_stores(custody: KeyCustody, store: scripted_store.Store) -> None:
    custody.probe(unneeded)
    store.refuse_probe()
    with pytest.raises(KeyStoreError, match="refused the probe"):
        custody.probe(unneeded)


def test_record_that_will_not_fit_is_refused_before_the_probe(
    custody: KeyCustody, store: scripted_store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    exactly = len(RECORD.to_json())
    monkeypatch.setattr(scripted_store.Store, "largest_record_bytes", exactly)
    custody.probe(lambda: RECORD)
    store.refuse_probe()
    with pytest.raises(KeyStoreError, match=f"takes {exactly} bytes, and the record is longer"):
        custody.probe(lambda: replace(RECORD, cluster_id="x"))


@pytest.mark.parametrize("failures", [0, 1, WRITE_ATTEMPTS - 1])
def test_store_is_asked_again(custody: KeyCustody, store: scripted_store.Store, failures: int) -> None:
    store.fail(failures)
    custody.put(RECORD, None)
    assert custody.find() == RECORD


def test_store_that_raises_what_nobody_foresaw(
    custody: KeyCustody, store: scripted_store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text of such an error may hold the keys, so only its kind is told."""

    def write(_store: object, record: KeyRecord, _target: object) -> None:
        raise ValueError(record.to_json())

    monkeypatch.setattr(scripted_store.Store, "write", write)
    with pytest.raises(KeysNotStoredError) as raised:
        custody.put(RECORD, None)
    assert str(raised.value) == f"{store.location} didn't take the keys: ValueError"
    assert raised.value.__cause__ is None


def test_store_is_not_asked_for_ever(
    custody: KeyCustody, store: scripted_store.Store, capfd: pytest.CaptureFixture[str]
) -> None:
    store.fail(WRITE_ATTEMPTS)
    with pytest.raises(KeysNotStoredError) as raised:
        custody.put(RECORD, None)
    assert str(raised.value) == f"{store.location} didn't take the keys: the store is away"
    assert shown(capfd.readouterr().err) == []
    # Every attempt was made.
    custody.put(RECORD, None)


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
        custody.put(record, None)
    # The state has none of the keys then.
    assert custody.root_token(in_state="hvs.of-the-state") == token


def test_keys_of_another_vault_are_not_handed_out(custody: KeyCustody) -> None:
    custody.put(replace(RECORD, deployment="other-uid/secrets/vault"), None)
    for ask in (custody.find, lambda: custody.root_token(in_state="")):
        with pytest.raises(KeyStoreError, match="holds the keys of another Vault"):
            ask()


# Keys that are there, and runs that slept


def test_keys_of_other_shares_are_never_overwritten(
    custody: KeyCustody, store: scripted_store.Store, capfd: pytest.CaptureFixture[str]
) -> None:
    custody.put(OTHER, None)
    with pytest.raises(KeysNotStoredError, match="it has other keys than this run knows") as raised:
        custody.put(RECORD, None)
    assert store.read(TARGET) == OTHER
    assert shown(str(raised.value)) == []
    # It wouldn't help to try again.
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "later",
    [
        RECORD,
        RECORD.without_root_token(),
        replace(RECORD, cluster_id="7d0f"),
        replace(RECORD, seal_key="other"),
    ],
)
def test_same_shares_take_their_own_place(custody: KeyCustody, later: KeyRecord) -> None:
    custody.put(RECORD, None)
    custody.put(later, None)
    assert custody.find() == later


@pytest.mark.parametrize("attempts", [0, 1])
def test_new_shares_take_the_place_of_those_they_replace(
    custody: KeyCustody, store: scripted_store.Store, attempts: int
) -> None:
    custody.put(RECORD, None)
    store.fail(attempts)
    custody.put(OTHER, None, replaces=RECORD.fingerprint)
    assert custody.find() == OTHER


def test_keys_of_another_vault_are_never_overwritten(
    custody: KeyCustody, store: scripted_store.Store
) -> None:
    theirs = replace(RECORD, deployment="other-uid/secrets/vault")
    store.write(theirs, TARGET)
    with pytest.raises(KeysNotStoredError, match="holds the keys of another Vault"):
        custody.put(RECORD, None)
    assert store.read(TARGET) == theirs


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    return provide_cluster(monkeypatch, tmp_path / "cluster")


def test_lease_is_checked_before_each_write(
    custody: KeyCustody, store: scripted_store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.fail(2)
    steps: list[str] = []

    def recorded(kind: type, method: str, step: str) -> None:
        original = getattr(kind, method)

        def call(*args: object) -> object:
            steps.append(step)
            return original(*args)

        monkeypatch.setattr(kind, method, call)

    recorded(RunLease, "check", "checked")
    recorded(scripted_store.Store, "write", "written")
    lease = RunLease(TARGET, "vault")
    with lease.held(0):
        custody.put(RECORD, lease)
    assert steps == ["checked", "written"] * 3


def test_run_that_slept_through_its_lease_writes_nothing(
    custody: KeyCustody, store: scripted_store.Store, cluster: InitCluster
) -> None:
    lease = RunLease(TARGET, "vault")
    with lease.held(0):
        cluster.take_lease()
        with pytest.raises(KeysNotStoredError, match="Another run has taken Lease"):
            custody.put(RECORD, lease)
        with pytest.raises(LeaseLostError):
            lease.check()
    assert store.read(TARGET) is None


def test_lease_that_cannot_be_confirmed_is_asked_for_again(
    custody: KeyCustody, store: scripted_store.Store, cluster: InitCluster
) -> None:
    lease = RunLease(TARGET, "vault")
    with lease.held(0):
        cluster.objects.fail("replace", "The connection to the server localhost:6443 was refused")
        with pytest.raises(KeysNotStoredError, match="localhost:6443 was refused"):
            custody.put(RECORD, lease)
        assert store.read(TARGET) is None
        cluster.objects.recover()
        custody.put(RECORD, lease)
    assert store.read(TARGET) == RECORD

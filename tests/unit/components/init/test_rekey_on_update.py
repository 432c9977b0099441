"""New shares for everybody: in the journal before they count, in their store after, and never a set lost."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.custody.key_custody import WRITE_ATTEMPTS
from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyStoreError
from components.errors import DeploymentError
from components.init.inputs import InitInputs
from components.init.rekey_on_update import changed_shares
from components.journal import journal as journal_module
from components.journal.encryption import StackKeyCipher
from components.journal.journal import InitJournal
from components.kubernetes.lease import LeaseLostError
from components.operator_init import OperatorInitProvider
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import (
    CIPHER,
    DEPLOYMENT,
    TARGET,
    InitCluster,
    journal,
)
from tests.unit.fakes.init_runs import inputs_with
from tests.unit.fakes.pgp_keys import new_key
from tests.unit.fakes.scripted_vault import (
    CANCEL_REKEY,
    REKEY,
    ROOT_TOKEN,
    SEAL_STATUS,
    SHARES,
    START_REKEY,
    START_ROOT,
    UNSEAL,
    UPDATE_REKEY,
    UPDATE_ROOT,
    VERIFY_REKEY,
    Answer,
    ScriptedVault,
    error,
    no_content,
    root_generation_started,
    seal_status,
)
from tests.unit.fakes.vault_keys import OTHER, PAD, RECORD, STORED, answer_proofs, shown

NEW = [base64.b64encode(bytes([number]) * 33).decode() for number in range(4)]
MORE = Answer({"complete": False})
CHANGE: Mapping[str, Any] = {"shares": 4, "threshold": 2}


@pytest.fixture
def store(store: scripted_store.Store) -> scripted_store.Store:
    """It has the keys of the init."""
    store.write(STORED, TARGET)
    return store


@pytest.fixture
def vault(vault: ScriptedVault) -> ScriptedVault:
    """Takes the current shares, and gives four new ones for three of them."""
    answer_proofs(vault, True)
    vault.answers(REKEY, Answer({"started": False, "nonce": ""}))
    vault.answers(START_REKEY, Answer({"started": True, "nonce": "own", "verification_required": True}))
    done = Answer({"complete": True, "keys_base64": NEW, "verification_nonce": "check"})
    vault.answers(UPDATE_REKEY, MORE, MORE, done)
    vault.answers(VERIFY_REKEY, MORE, Answer({"complete": True}))
    vault.answers(CANCEL_REKEY, no_content())
    return vault


def state(vault: ScriptedVault, store: scripted_store.Store | None, **changed: Any) -> dict[str, Any]:
    """The resource as the init left it."""
    in_state = store is None
    return {
        **inputs_with(vault, store),
        "cluster_initialized_here": True,
        "vault_version": "1.18.1",
        "deployment": DEPLOYMENT,
        "keys_location": "the stack's state" if store is None else store.location,
        "keys_version": "" if in_state else "1",
        "keys_fingerprint": RECORD.fingerprint,
        "root_token": ROOT_TOKEN if in_state else "",
        "recovery_shares": SHARES if in_state else [],
        "key_shares": [],
        **changed,
    }


def update(
    vault: ScriptedVault, store: scripted_store.Store | None, olds: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    before = dict(olds) if olds is not None else state(vault, store)
    outs = OperatorInitProvider().update("id", before, inputs_with(vault, store, **CHANGE)).outs
    assert outs is not None
    return outs


def stored(store: scripted_store.Store) -> KeyRecord:
    record = store.read(TARGET)
    assert record is not None
    return record


def keep_in_journal(record: KeyRecord) -> None:
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(record)


def test_new_shares_go_to_the_state_which_the_journal_outlives(vault: ScriptedVault) -> None:
    outs = update(vault, None)
    assert (outs["recovery_shares"], outs["key_shares"]) == (NEW, [])
    assert (outs["shares"], outs["threshold"], outs["root_token"]) == (4, 2, ROOT_TOKEN)
    kept = journal().recover(CIPHER)
    assert list(kept.recovery_shares) == NEW
    assert outs["keys_fingerprint"] == kept.fingerprint != RECORD.fingerprint


def test_new_shares_go_to_the_store_and_not_to_the_state(
    vault: ScriptedVault, store: scripted_store.Store, capfd: pytest.CaptureFixture[str]
) -> None:
    outs = update(vault, store)
    record = stored(store)
    assert (list(record.recovery_shares), record.threshold) == (NEW, 2)
    assert (record.root_token, record.cluster_id) == (STORED.root_token, STORED.cluster_id)
    assert (outs["recovery_shares"], outs["root_token"]) == ([], "")
    assert (outs["keys_version"], outs["keys_fingerprint"]) == ("2", record.fingerprint)
    # Until the state knows them.
    assert journal().recover(CIPHER).fingerprint == record.fingerprint
    said = capfd.readouterr().err
    assert "Making 4 new shares, 2 needed, in place of 5" in said
    text = f"{outs}{said}"
    assert not [share for share in NEW if share in text]
    assert shown(text) == []


def test_new_shares_are_in_the_journal_before_they_count(
    vault: ScriptedVault, store: scripted_store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_before: list[int] = []
    keep = InitJournal.keep

    def watched(self: InitJournal, record: KeyRecord, *, in_cluster: bool) -> None:
        keep(self, record, in_cluster=in_cluster)
        asked_before.append(len(vault.asked(VERIFY_REKEY)))

    monkeypatch.setattr(InitJournal, "keep", watched)
    update(vault, store)
    assert asked_before == [0]
    assert [request.body["key"] for request in vault.asked(VERIFY_REKEY)] == NEW[:2]


def test_change_that_vault_refuses_leaves_the_shares_as_they_are(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    vault.answers(VERIFY_REKEY, error(500, "storage is away"))
    with pytest.raises(DeploymentError) as raised:
        update(vault, store)
    message = str(raised.value)
    assert "The shares couldn't be changed: storage is away" in message
    assert f"Those that are valid are in {store.location}" in message
    assert not [share for share in NEW if share in message]
    assert stored(store) == STORED

    # What never counted is in the way of nobody.
    vault.answers(VERIFY_REKEY, MORE, Answer({"complete": True}))
    vault.answers(
        UPDATE_REKEY,
        MORE,
        MORE,
        Answer({"complete": True, "keys_base64": NEW, "verification_nonce": "check"}),
    )
    update(vault, store)
    assert list(stored(store).recovery_shares) == NEW


def test_new_shares_that_no_store_takes_are_taken_from_the_journal_by_the_next_run(
    vault: ScriptedVault, store: scripted_store.Store, capfd: pytest.CaptureFixture[str]
) -> None:
    store.fail(WRITE_ATTEMPTS)
    with pytest.raises(DeploymentError) as raised:
        update(vault, store)
    assert f"safe in the journal, encrypted ({journal().location})" in str(raised.value)
    assert stored(store) == STORED

    # By now only the new ones are right, two of which are enough.
    vault.answers(START_ROOT, root_generation_started(nonce="proof", pad=PAD, required=2))
    update(vault, store)
    assert "New shares of an interrupted run are valid already" in capfd.readouterr().err
    assert list(stored(store).recovery_shares) == NEW
    assert len(vault.asked(START_REKEY)) == 1


def test_shares_of_an_interrupted_change_to_other_numbers_are_told_as_they_are(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    keep_in_journal(OTHER)
    answer_proofs(vault, False, True)
    outs = update(vault, store)
    # The difference to the settings lets the next update make the rest of the way.
    assert (outs["shares"], outs["threshold"]) == (5, 3)
    assert stored(store).shares == OTHER.shares


def test_plain_shares_of_an_interrupted_change_are_told_as_plain(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    keep_in_journal(OTHER)
    answer_proofs(vault, False, True)
    news = inputs_with(vault, store, **{**CHANGE, "pgp_keys": [new_key()] * 4})
    outs = OperatorInitProvider().update("id", state(vault, store), news).outs
    assert outs is not None
    assert outs["pgp_keys"] == []


def test_encrypted_shares_of_an_interrupted_change_are_told_by_their_keys(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    keep_in_journal(replace(OTHER, shares_encrypted=True))
    answer_proofs(vault, False)
    with pytest.raises(DeploymentError, match=r"encrypted to their holders: set init\.pgpKeys, init\.shares"):
        update(vault, store)
    assert stored(store) == STORED


def test_left_over_shares_that_never_counted_are_dropped(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    keep_in_journal(OTHER)
    update(vault, store)
    assert list(stored(store).recovery_shares) == NEW


def test_neither_set_is_touched_where_both_are_wrong(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    keep_in_journal(OTHER)
    answer_proofs(vault, False)
    with pytest.raises(DeploymentError, match="The shares couldn't be changed: The shares don't unlock"):
        update(vault, store)
    assert stored(store) == STORED
    assert journal().recover(CIPHER) == OTHER
    assert vault.asked(START_REKEY) == []


def test_shares_that_nobody_here_knows_stay_as_they_are(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    adopted = state(
        vault, None, root_token="", recovery_shares=[], keys_location="", keys_fingerprint="", adopt=True
    )
    outs = update(vault, None, adopted)
    assert (outs["recovery_shares"], outs["shares"]) == ([], 4)
    assert vault.requests == []
    assert "aren't known here, so they stay as they are" in capfd.readouterr().err


def test_encrypted_shares_are_left_to_their_holders(vault: ScriptedVault) -> None:
    order = InitInputs.from_properties(inputs_with(vault, None, **CHANGE), adopted_keys="")
    with pytest.raises(DeploymentError, match="only the holders can make new ones"):
        changed_shares(order, state(vault, None, pgp_keys=[new_key()] * 5), rekey=True)
    assert vault.asked(START_REKEY) == []


def test_other_changes_touch_no_share(vault: ScriptedVault, store: scripted_store.Store) -> None:
    news = inputs_with(vault, store, pod_start_seconds=600)
    outs = OperatorInitProvider().update("id", state(vault, store), news).outs
    assert outs == {**state(vault, store), "pod_start_seconds": 600}
    assert vault.requests == []


def test_vault_that_is_away_changes_nothing(vault: ScriptedVault, store: scripted_store.Store) -> None:
    away = state(vault, store)
    vault.answers(REKEY, error(503, "Vault is sealed"))
    with pytest.raises(DeploymentError, match="couldn't be changed: Vault is sealed"):
        update(vault, store, away)
    assert stored(store) == STORED


def test_run_that_slept_ends_before_the_new_shares_are_valid(
    vault: ScriptedVault,
    store: scripted_store.Store,
    cluster: InitCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep = InitJournal.keep

    def slept(self: InitJournal, record: KeyRecord, *, in_cluster: bool) -> None:
        keep(self, record, in_cluster=in_cluster)
        cluster.take_lease()

    monkeypatch.setattr(InitJournal, "keep", slept)
    with pytest.raises(LeaseLostError):
        update(vault, store)
    assert stored(store) == STORED
    assert vault.asked(VERIFY_REKEY) == []
    assert len(vault.asked(CANCEL_REKEY)) == 1


def test_shares_that_would_not_fit_are_not_made(
    vault: ScriptedVault, store: scripted_store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once they are made they are the valid ones, and the store doesn't take them."""
    monkeypatch.setattr(scripted_store.Store, "largest_record_bytes", 200)
    with pytest.raises(KeyStoreError, match="takes 200 bytes, and the record is longer"):
        update(vault, store)
    assert vault.asked(START_REKEY) == []
    assert stored(store) == STORED


# Settings that were set back


def set_back(
    vault: ScriptedVault, store: scripted_store.Store | None, **changed: Any
) -> tuple[bool, dict[str, Any]]:
    """What a preview tells with the settings of before, and the state after the update."""
    olds, news = state(vault, store), inputs_with(vault, store, **changed)
    told = OperatorInitProvider().diff("id", olds, news).changes
    outs = OperatorInitProvider().update("id", olds, news).outs
    assert outs is not None
    return bool(told), outs


@pytest.mark.parametrize("in_state", [True, False], ids=["state", "store"])
def test_shares_that_became_valid_are_found_though_the_settings_are_set_back(
    vault: ScriptedVault, store: scripted_store.Store, in_state: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    place = None if in_state else store
    keep_in_journal(OTHER)
    answer_proofs(vault, False, True)
    told, outs = set_back(vault, place)
    assert told
    assert outs["keys_fingerprint"] == OTHER.fingerprint
    kept = outs["recovery_shares"] if in_state else stored(store).shares
    assert list(kept) == list(OTHER.shares)
    assert "An interrupted change of shares will be settled" in capfd.readouterr().err
    assert vault.asked(START_REKEY) == []


def test_shares_that_never_counted_change_nothing_once_the_settings_are_set_back(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    keep_in_journal(OTHER)
    told, outs = set_back(vault, store)
    assert told
    assert outs["keys_fingerprint"] == RECORD.fingerprint
    assert stored(store) == STORED
    assert journal().find() is None
    assert not OperatorInitProvider().diff("id", outs, inputs_with(vault, store)).changes


def test_change_that_was_cut_after_the_store_had_the_shares_is_gone_on_with(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    """Encrypted shares can't be tried, and the store says that they are the ones."""
    stored_already = replace(STORED, recovery_shares=NEW, threshold=2, shares_encrypted=True)
    keep_in_journal(stored_already)
    (Path(store.folder) / "record").write_text(stored_already.to_json())
    keys = {"pgp_keys": [new_key()] * 4, **CHANGE}
    told, outs = set_back(vault, store, **keys)
    assert told
    assert (outs["keys_fingerprint"], outs["shares"]) == (stored_already.fingerprint, 4)
    assert outs["pgp_keys"] == keys["pgp_keys"]
    assert vault.asked(START_REKEY) == []
    with pytest.raises(DeploymentError, match=r"set init\.pgpKeys, init\.shares"):
        set_back(vault, store)


def test_new_shares_that_the_cluster_does_not_take_never_count(
    vault: ScriptedVault,
    store: scripted_store.Store,
    cluster: InitCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_module, "_KEEP_SECONDS", 0.2)
    begin = InitJournal.note_rekey

    def lost_from_here(self: InitJournal, nonce: str) -> None:
        begin(self, nonce)
        cluster.objects.fail("(create|replace) .*", "etcdserver: leader changed")

    monkeypatch.setattr(InitJournal, "note_rekey", lost_from_here)
    with pytest.raises(DeploymentError, match="couldn't be written to Secret"):
        update(vault, store)
    assert vault.asked(VERIFY_REKEY) == []
    assert stored(store) == STORED


def test_rekey_that_a_killed_run_began_is_ended_as_its_own(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    killed = journal()
    killed.begin(CIPHER)
    killed.note_rekey("of the killed run")
    running = Answer({"started": True, "nonce": "of the killed run"})
    vault.answers(REKEY, running, Answer({"started": False, "nonce": ""}))
    update(vault, store)
    assert list(stored(store).recovery_shares) == NEW


def test_shares_of_other_holders_than_the_settings_name_are_not_taken(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    cut = replace(STORED, recovery_shares=NEW, threshold=2, shares_encrypted=True)
    keep_in_journal(cut)
    (Path(store.folder) / "record").write_text(cut.to_json())
    with pytest.raises(DeploymentError, match=r"4 new shares .* set init\.pgpKeys"):
        set_back(vault, store, pgp_keys=[new_key()] * 5, shares=5, threshold=2)


def test_void_shares_in_a_store_are_never_taken_for_new_ones(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    """As of a version of the store that somebody has restored."""
    (Path(store.folder) / "record").write_text(replace(STORED, recovery_shares=OTHER.shares).to_json())
    answer_proofs(vault, False)
    with pytest.raises(DeploymentError, match="The shares couldn't be changed: The shares don't unlock"):
        update(vault, store)


def test_journal_that_cannot_be_opened_stops_nothing_while_the_current_shares_are_valid(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    opened = journal()
    opened.begin(StackKeyCipher(base64.b64encode(bytes(32)).decode()))
    opened.keep(OTHER)
    _, outs = set_back(vault, store, pod_start_seconds=600)
    assert outs["keys_fingerprint"] == RECORD.fingerprint
    assert journal().find() is None


def test_encrypted_shares_are_never_replaced_by_those_of_a_change_that_never_counted(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    """They can't be tried, and this program makes no others once shares are encrypted to their holders."""
    keep_in_journal(replace(OTHER, shares_encrypted=True))
    valid = replace(STORED, recovery_shares=NEW, threshold=3, shares_encrypted=True)
    (Path(store.folder) / "record").write_text(valid.to_json())
    vault.answers(UPDATE_ROOT, error(400, "key is longer than maximum 33 bytes"))
    keys: dict[str, Any] = {"pgp_keys": [new_key()] * 4, "shares": 4, "threshold": 3}
    olds = state(vault, store, keys_fingerprint=valid.fingerprint, **keys)
    outs = OperatorInitProvider().update("id", olds, inputs_with(vault, store, **keys)).outs
    assert outs is not None
    assert (outs["keys_fingerprint"], stored(store).fingerprint) == (valid.fingerprint, valid.fingerprint)
    assert journal().find() is None


def test_vault_that_restarted_after_a_cut_change_is_unsealed_with_the_valid_shares(
    vault: ScriptedVault,
) -> None:
    """Nothing else would: the state has the void ones."""
    sealed, unsealed = (seal_status("shamir", initialized=True, sealed=now) for now in (True, False))
    new = replace(RECORD, recovery_shares=(), key_shares=OTHER.shares)
    keep_in_journal(new)
    answer_proofs(vault, False, True)
    vault.answers(SEAL_STATUS, sealed, unsealed)
    wrong = error(400, "failed to decrypt keys from storage: cipher: message authentication failed")
    vault.answers(UNSEAL, sealed, sealed, sealed, wrong, sealed, sealed, sealed, unsealed)
    vault.answers("GET /v1/sys/rekey/init", Answer({"started": False, "nonce": ""}))
    olds = state(vault, None, recovery_shares=[], key_shares=SHARES)
    outs = OperatorInitProvider().update("id", olds, inputs_with(vault, None)).outs
    assert outs is not None
    assert (outs["key_shares"], outs["keys_fingerprint"]) == (list(OTHER.shares), new.fingerprint)
    assert vault.unsealed_with() == list(OTHER.shares[:3])

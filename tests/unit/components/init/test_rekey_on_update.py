"""New shares for everybody: in the journal before they count, in their store after, and never a set lost."""

from dataclasses import replace

import pytest

from components.custody.key_custody import WRITE_ATTEMPTS
from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyStoreError
from components.errors import DeploymentError
from components.init.inputs import InitInputs
from components.init.rekey_on_update import changed_shares
from components.journal.journal import InitJournal
from components.kubernetes.lease import LeaseLostError
from components.operator_init import OperatorInitProvider
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import (
    CIPHER,
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
    START_REKEY,
    START_ROOT,
    UPDATE_REKEY,
    VERIFY_REKEY,
    Answer,
    ScriptedVault,
    error,
    root_generation_started,
)
from tests.unit.fakes.share_changes import (
    CHANGE,
    MORE,
    NEW,
    answer_change,
    keep_in_journal,
    state,
    stored,
    update,
)
from tests.unit.fakes.vault_keys import OTHER, PAD, RECORD, STORED, answer_proofs, shown


@pytest.fixture
def store(store: scripted_store.Store) -> scripted_store.Store:
    """It has the keys of the init."""
    store.write(STORED, TARGET)
    return store


@pytest.fixture
def vault(vault: ScriptedVault) -> ScriptedVault:
    """Takes the current shares, and gives four new ones for three of them."""
    answer_change(vault)
    return vault


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
    with pytest.raises(
        DeploymentError, match=r"and init\.pgpKeys has others.* Set init\.pgpKeys, init\.shares"
    ):
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
    with pytest.raises(DeploymentError, match=r"changed: Vault is sealed.*\nvault-0: Pending\n"):
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

"""A change of shares that was interrupted is settled, whatever the settings say by then."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.custody.pgp_keys import fingerprints, load_public_key
from components.errors import DeploymentError
from components.journal import journal as journal_module
from components.journal.encryption import StackKeyCipher
from components.kubernetes.lease import RunLease
from components.operator_init import OperatorInitProvider
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import (
    CIPHER,
    TARGET,
    InitCluster,
    journal,
)
from tests.unit.fakes.init_runs import inputs_with
from tests.unit.fakes.pgp_keys import EXPIRED, new_key
from tests.unit.fakes.scripted_vault import (
    CANCEL_REKEY,
    REKEY,
    SEAL_STATUS,
    SHARES,
    START_REKEY,
    UNSEAL,
    UPDATE_ROOT,
    VERIFY_REKEY,
    Answer,
    ScriptedVault,
    error,
    seal_status,
)
from tests.unit.fakes.share_changes import (
    CHANGE,
    NEW,
    answer_change,
    keep_in_journal,
    state,
    stored,
    update,
)
from tests.unit.fakes.vault_keys import OTHER, RECORD, STORED, answer_proofs


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
    with pytest.raises(DeploymentError, match=r"Set init\.pgpKeys, init\.shares"):
        set_back(vault, store)


def test_new_shares_that_the_cluster_does_not_take_never_count(
    vault: ScriptedVault,
    store: scripted_store.Store,
    cluster: InitCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_module, "_KEEP_SECONDS", 0.2)
    note = RunLease.note_attempt

    def lost_from_here(self: RunLease, operation: str, nonce: str) -> None:
        note(self, operation, nonce)
        if operation == "rekey":
            cluster.objects.fail("(create|replace) .*", "etcdserver: leader changed")

    monkeypatch.setattr(RunLease, "note_attempt", lost_from_here)
    with pytest.raises(DeploymentError, match="couldn't be written to Secret"):
        update(vault, store)
    assert vault.asked(VERIFY_REKEY) == []
    assert stored(store) == STORED


def test_rekey_that_a_killed_run_began_is_ended_as_its_own(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    killed = journal()
    with killed.lease.held(0):
        killed.begin(CIPHER)
        killed.lease.note_attempt("rekey", "of the killed run")
    running = Answer({"started": True, "nonce": "of the killed run"})
    vault.answers(REKEY, running, Answer({"started": False, "nonce": ""}))
    update(vault, store)
    assert list(stored(store).recovery_shares) == NEW


@pytest.mark.parametrize("number", [5, 4], ids=["another number", "the same number"])
def test_shares_of_other_holders_than_the_settings_name_are_not_taken(
    vault: ScriptedVault, store: scripted_store.Store, number: int
) -> None:
    keys = [new_key() for _ in range(4)]
    holders = tuple(fingerprints(keys))
    cut = replace(STORED, recovery_shares=NEW, threshold=2, shares_encrypted=True, holders=holders)
    keep_in_journal(cut)
    (Path(store.folder) / "record").write_text(cut.to_json())
    with pytest.raises(DeploymentError, match=rf"{holders[3]}, and init\.pgpKeys has others"):
        set_back(vault, store, pgp_keys=[*keys[:3], *[new_key()] * (number - 3)], shares=number, threshold=2)
    _, outs = set_back(vault, store, pgp_keys=keys, shares=4, threshold=2)
    assert outs["keys_fingerprint"] == cut.fingerprint


def test_rekey_of_a_killed_run_is_ended_though_the_settings_are_set_back(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    """It had begun, and had no new shares yet: nothing but the mere intent shows it."""
    killed = journal()
    with killed.lease.held(0):
        killed.begin(CIPHER)
        killed.lease.note_attempt("rekey", "of the killed run")
    vault.answers(REKEY, Answer({"started": True, "nonce": "of the killed run"}))
    told, outs = set_back(vault, store)
    assert told
    assert outs["keys_fingerprint"] == RECORD.fingerprint
    assert [request.body for request in vault.asked(CANCEL_REKEY)] == [{"nonce": "of the killed run"}]
    assert journal().find() is None
    told, _ = set_back(vault, store)
    assert not told


@pytest.mark.parametrize("reason", ["made by hand", "no token"])
def test_mere_intent_never_stands_in_the_way(
    vault: ScriptedVault, store: scripted_store.Store, capfd: pytest.CaptureFixture[str], reason: str
) -> None:
    """Nothing was made that could be valid; whose the valid shares are is another matter."""
    journal().begin(CIPHER)
    vault.answers(REKEY, Answer({"started": False, "nonce": ""}))
    if reason == "made by hand":
        vault.wants_tokens("hvs.of-nobody-here", unauthenticated=["generate-root"])
        answer_proofs(vault, False)
    else:
        vault.wants_tokens("hvs.of-nobody-here")
    told, outs = set_back(vault, store)
    assert told
    assert outs["keys_fingerprint"] == RECORD.fingerprint
    assert "is still in progress can't be seen" in capfd.readouterr().err
    told, _ = set_back(vault, store)
    assert not told


def test_mere_intent_goes_where_the_shares_are_not_known(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    (Path(store.folder) / "record").unlink()
    journal().begin(CIPHER)
    told, _ = set_back(vault, store)
    assert told
    assert journal().find() is None


def test_shares_are_not_encrypted_to_a_key_that_has_expired(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    """The preview lets it pass after an interrupted change, which may have used it before."""
    keep_in_journal(OTHER)
    expired = load_public_key(EXPIRED).base64
    with pytest.raises(DeploymentError, match=r"expired on 2020-02-01; .* No new shares were made"):
        set_back(vault, store, pgp_keys=[expired] * 5)
    assert vault.asked(START_REKEY) == []


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

"""The order of the init: each step before the next, and a repeated run that finds the keys."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.custody.key_custody import WRITE_ATTEMPTS, KeyCustody
from components.custody.key_store import KeyStoreError, KeyStoreUnavailableError
from components.custody.pgp_keys import fingerprints
from components.errors import DeploymentError
from components.init import procedure
from components.init.inputs import InitInputs
from components.init.procedure import init_cipher
from components.journal.encryption import JournalCipher, JournalError, SealKeyCipher, StackKeyCipher
from components.journal.journal import InitJournal
from components.seal_preflight import KeyWrapper
from components.vault.client import VaultClient
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import (
    CIPHER,
    DEPLOYMENT,
    init_inputs,
    journal,
)
from tests.unit.fakes.init_runs import run, stored
from tests.unit.fakes.key_wrapper import PlainWrapper
from tests.unit.fakes.pgp_keys import new_key
from tests.unit.fakes.scripted_vault import (
    INIT,
    ROOT_TOKEN,
    SEAL_STATUS,
    SHARES,
    ScriptedVault,
    init_answer,
    seal_status,
)
from tests.unit.fakes.vault_keys import (
    RECORD,
    STORED,
    answer_first_init,
    answer_proofs,
    shown,
)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps as they are done."""
    done: list[str] = []

    def watch(owner: type, name: str, step: str) -> None:
        method: Callable[..., Any] = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            done.append(step)
            return method(*args, **kwargs)

        monkeypatch.setattr(owner, name, watched)

    def preflight(*_args: Any) -> JournalCipher:
        done.append("preflight")
        return CIPHER

    monkeypatch.setattr(procedure, "init_cipher", preflight)
    watch(KeyCustody, "probe", "probe")
    watch(InitJournal, "begin", "intent")
    watch(VaultClient, "initialize", "init")
    watch(InitJournal, "keep", "journal")
    watch(KeyCustody, "put", "store")
    watch(InitJournal, "finish", "finish")
    return done


# The first init


def test_each_step_comes_after_what_it_needs(
    vault: ScriptedVault, store: scripted_store.Store, steps: list[str]
) -> None:
    answer_first_init(vault)
    result = run(vault, store, preflight={"seal": "awskms"})
    # Stored at once, and again when Vault tells the id of its cluster.
    assert steps == ["probe", "preflight", "intent", "init", "journal", "store", "store", "finish"]
    assert result.record == stored(store) == STORED
    assert (result.reference.location, result.reference.version) == (store.location, "2")
    assert (result.initialized_here, result.vault_version) == (True, "1.18.1")
    assert journal().find() is None


def test_keys_of_the_state_stay_in_the_journal_until_the_engine_has_saved_them(
    vault: ScriptedVault, steps: list[str]
) -> None:
    answer_first_init(vault)
    result = run(vault)
    assert steps == ["probe", "preflight", "intent", "init", "journal", "store"]
    assert result.record == journal().recover(CIPHER) == RECORD
    assert (result.reference.location, result.reference.version) == ("the stack's state", "")


def test_holders_keys_reach_vault_and_are_told_by_the_record(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    answer_first_init(vault)
    keys = [new_key() for _ in range(5)]
    run(vault, store, pgp_keys=keys, root_token_pgp_key="holder")
    (request,) = vault.asked(INIT)
    assert request.body["recovery_pgp_keys"] == keys
    assert request.body["root_token_pgp_key"] == "holder"
    record = replace(STORED, shares_encrypted=True, root_token_encrypted=True)
    assert stored(store) == replace(record, holders=tuple(fingerprints(keys)))


def test_keys_are_stored_without_the_clusters_id_where_vault_stays_sealed(
    vault: ScriptedVault, store: scripted_store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(procedure, "_CLUSTER_ID_SECONDS", 0.3)
    vault.answers(SEAL_STATUS, seal_status(), seal_status(initialized=True))
    vault.answers(INIT, init_answer(recovery=True))
    assert run(vault, store).record == stored(store) == RECORD
    assert journal().find() is None


def test_shamir_is_not_waited_for_as_it_needs_the_shares(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    vault.answers(SEAL_STATUS, seal_status("shamir"), seal_status("shamir", initialized=True))
    vault.answers(INIT, init_answer(recovery=False))
    result = run(vault, store, seal_type="shamir", seal_key="")
    assert result.record is not None
    assert list(result.record.key_shares) == SHARES
    assert len(vault.asked(SEAL_STATUS)) == 2


# What stops it before anything is done


def test_store_that_refuses_the_probe_stops_the_init(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    store.refuse_probe()
    with pytest.raises(KeyStoreError, match="refused the probe"):
        run(vault, store)
    assert vault.requests == []
    assert journal().find() is None


def test_seal_that_cannot_be_used_stops_the_init(
    vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_args: Any) -> KeyWrapper:
        raise DeploymentError("not authorized to perform: kms:Encrypt")

    monkeypatch.setattr(procedure, "prove_seal", denied)
    with pytest.raises(DeploymentError, match="kms:Encrypt"):
        run(vault, preflight={"seal": "awskms"})
    assert vault.requests == []
    assert journal().find() is None


def test_keys_of_another_vault_stop_the_init(vault: ScriptedVault, store: scripted_store.Store) -> None:
    other = replace(RECORD, deployment="other-uid/secrets/vault")
    (Path(store.folder) / "record").write_text(other.to_json())
    with pytest.raises(KeyStoreError) as raised:
        run(vault, store)
    assert f"other-uid/secrets/vault; this one is {DEPLOYMENT}" in str(raised.value)
    assert shown(str(raised.value)) == []
    assert vault.requests == []
    assert stored(store) == other


def test_something_else_in_the_store_stops_the_init(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    (Path(store.folder) / "record").write_text(f"the token is {ROOT_TOKEN}")
    with pytest.raises(KeyStoreError) as raised:
        run(vault, store)
    assert "holds something else than keys of this program: it isn't JSON" in str(raised.value)
    assert shown(str(raised.value)) == []
    assert vault.requests == []


def test_keys_of_an_earlier_vault_are_never_overwritten(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    (Path(store.folder) / "record").write_text(STORED.to_json())
    vault.answers(SEAL_STATUS, seal_status())
    with pytest.raises(DeploymentError) as raised:
        run(vault, store)
    assert "holds the keys of an earlier Vault of this name" in str(raised.value)
    assert "move them to another place, or set another one in custody" in str(raised.value)
    assert vault.asked(INIT) == []
    assert stored(store) == STORED


# A store that fails


def test_store_that_fails_once_is_asked_again(
    vault: ScriptedVault, store: scripted_store.Store, capfd: pytest.CaptureFixture[str]
) -> None:
    answer_first_init(vault)
    store.fail(WRITE_ATTEMPTS - 1)
    assert run(vault, store).record == stored(store) == STORED
    assert journal().find() is None
    said = capfd.readouterr().err
    assert "didn't take the keys, trying again: the store is away" in said
    assert shown(said) == []


def test_keys_that_no_store_takes_wait_in_the_journal_for_the_next_run(
    vault: ScriptedVault, store: scripted_store.Store, capfd: pytest.CaptureFixture[str]
) -> None:
    answer_first_init(vault)
    store.fail(WRITE_ATTEMPTS)
    with pytest.raises(DeploymentError) as raised:
        run(vault, store)
    message = str(raised.value)
    assert f"{store.location} didn't take the keys: the store is away" in message
    assert f"they are in the journal, encrypted ({journal().location})" in message
    assert "run pulumi up again" in message
    assert shown(message) == []
    assert stored(store) is None

    answer_proofs(vault, True)
    result = run(vault, store)
    assert result.record == stored(store) == STORED
    assert result.initialized_here is True
    assert len(vault.asked(INIT)) == 1
    assert journal().find() is None
    assert shown(capfd.readouterr().err) == []


def test_id_of_the_cluster_is_not_worth_an_error(
    vault: ScriptedVault,
    store: scripted_store.Store,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write = scripted_store.Store.write

    def only_once(self: scripted_store.Store, record: Any, target: Any) -> Any:
        if stored(self) is not None:
            raise KeyStoreUnavailableError("the store is away")
        return write(self, record, target)

    monkeypatch.setattr(scripted_store.Store, "write", only_once)
    answer_first_init(vault)
    run(vault, store)
    assert stored(store) == RECORD
    assert journal().find() is None
    assert "not the id of Vault's cluster beside them" in capfd.readouterr().err


# A journal that fails


@pytest.fixture
def journal_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(*_args: Any) -> None:
        raise JournalError("The keys couldn't be written to either place of the journal")

    monkeypatch.setattr(InitJournal, "keep", keep)


@pytest.mark.usefixtures("journal_fails")
def test_keys_go_to_the_store_where_the_journal_fails(
    vault: ScriptedVault, store: scripted_store.Store, capfd: pytest.CaptureFixture[str]
) -> None:
    answer_first_init(vault)
    assert run(vault, store).record == stored(store) == STORED
    assert "couldn't be kept in the journal" in capfd.readouterr().err


@pytest.mark.usefixtures("journal_fails")
def test_keys_go_to_the_state_where_the_journal_fails(vault: ScriptedVault) -> None:
    answer_first_init(vault)
    assert run(vault).record == RECORD


@pytest.mark.usefixtures("journal_fails")
def test_keys_that_nothing_takes_are_told_to_be_lost(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    answer_first_init(vault)
    store.fail(WRITE_ATTEMPTS)
    with pytest.raises(DeploymentError) as raised:
        run(vault, store)
    assert "the keys of this Vault are lost" in str(raised.value)
    assert "it says how to begin again" in str(raised.value)
    assert shown(str(raised.value)) == []


def test_keys_that_the_store_has_already_are_not_told_to_be_anywhere_else(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    (Path(store.folder) / "record").write_text(STORED.to_json())
    answer_proofs(vault, True)
    store.fail(WRITE_ATTEMPTS)
    with pytest.raises(DeploymentError) as raised:
        run(vault, store)
    assert f"The keys are in {store.location} from an earlier run" in str(raised.value)
    assert "journal" not in str(raised.value)


@pytest.mark.usefixtures("journal_fails")
def test_nothing_is_called_lost_that_cannot_be_seen(
    vault: ScriptedVault, store: scripted_store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_first_init(vault)
    store.fail(WRITE_ATTEMPTS)
    asked = []

    def unreadable(self: InitJournal) -> None:
        asked.append(self)
        raise JournalError("The journal of the init can't be read: forbidden")

    monkeypatch.setattr(InitJournal, "find", unreadable)
    with pytest.raises(DeploymentError) as raised:
        run(vault, store)
    assert "Whether the journal has them can't be seen now" in str(raised.value)
    assert "keys of this Vault are lost" not in str(raised.value)
    assert asked


def test_journal_is_encrypted_with_the_stacks_key_if_no_seal_is_proved() -> None:
    inputs = InitInputs.from_properties(init_inputs(preflight={}), "")
    assert init_cipher(inputs) == StackKeyCipher(inputs.journal_key)


def test_journal_is_encrypted_with_the_seals_key_once_that_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    wrapper = PlainWrapper()
    asked: list[Any] = []

    def prove(*arguments: Any) -> PlainWrapper:
        asked.append(arguments)
        return wrapper

    monkeypatch.setattr(procedure, "prove_seal", prove)
    inputs = InitInputs.from_properties(init_inputs(preflight={"seal": "awskms"}), "")
    assert init_cipher(inputs) == SealKeyCipher(wrapper, StackKeyCipher(inputs.journal_key))
    assert asked == [(inputs.preflight, inputs.access.target, inputs.preflight_seconds)]

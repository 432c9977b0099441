"""A Vault that is initialised already: whose keys are taken."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.custody.key_record import KeyRecord
from components.custody.pgp_keys import fingerprints
from components.errors import DeploymentError
from components.kubernetes import lease
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import CIPHER, InitCluster, journal
from tests.unit.fakes.init_runs import run, stored
from tests.unit.fakes.pgp_keys import new_key
from tests.unit.fakes.scripted_vault import (
    INIT,
    ROOT_TOKEN,
    SEAL_STATUS,
    SHARES,
    UNSEAL,
    UPDATE_ROOT,
    ScriptedVault,
    error,
    seal_status,
)
from tests.unit.fakes.vault_keys import (
    OTHER,
    RECORD,
    STORED,
    UNSEALED,
    answer_proofs,
    shown,
)


def refused(vault: ScriptedVault, store: scripted_store.Store | None = None, **changed: Any) -> str:
    """What a run says that takes nothing over and initialises nothing."""
    with pytest.raises(DeploymentError) as raised:
        run(vault, store, **changed)
    assert vault.asked(INIT) == []
    assert shown(str(raised.value)) == []
    return str(raised.value)


def put(store: scripted_store.Store, record: KeyRecord) -> None:
    (Path(store.folder) / "record").write_text(record.to_json())


def keep_in_journal(record: KeyRecord) -> None:
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(record)


# Keys that are found


def test_vault_of_somebody_else_is_refused_with_the_ways_out(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, UNSEALED)
    message = refused(vault)
    assert "vault-0 is initialised already, by somebody or something else than this stack" in message
    assert f"neither in the stack's state nor in a journal ({journal().location})" in message
    assert "set init.adopt to true, and give its keys (adoptedKeys, or init.adoptedKeysFile)" in message
    assert "see that nothing of value is in it, delete its pods with their volumes yourself" in message
    assert "data-vault" not in message


def test_settings_that_were_changed_since_are_not_those_of_the_keys(vault: ScriptedVault) -> None:
    """The state says what the shares are, and the next update makes new ones of the settings' number."""
    keep_in_journal(RECORD)
    answer_proofs(vault, True)
    result = run(vault, shares=7, threshold=4)
    assert result.made_with == {
        "shares": 5,
        "threshold": 3,
        "pgp_keys": [],
        "root_token_pgp_key": "",
    }


def test_keys_of_other_holders_than_the_settings_name_stay_where_they_are(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    keys = [new_key() for _ in range(5)]
    record = replace(STORED, root_token="", shares_encrypted=True, holders=tuple(fingerprints(keys)))
    keep_in_journal(record)
    vault.answers(SEAL_STATUS, UNSEALED)
    message = refused(vault, store, pgp_keys=[new_key() for _ in range(5)])
    assert "and init.pgpKeys has others" in message
    assert stored(store) is None
    assert run(vault, store, pgp_keys=keys).made_with == {"shares": 5, "threshold": 3}


def test_run_that_waited_for_the_one_with_the_keys_says_so(
    vault: ScriptedVault, cluster: InitCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the keys in the state, of which two people have a copy, only one of the two has them."""
    monkeypatch.setattr(lease, "_LOOK_SECONDS", 0.01)
    cluster.objects.put(
        "lease",
        "vault-operator-init",
        metadata={"labels": {"app.kubernetes.io/managed-by": "vault-autounseal"}},
        spec={"holderIdentity": "build-7_1234", "leaseDurationSeconds": 1, "acquireTime": "yesterday"},
    )
    vault.answers(SEAL_STATUS, UNSEALED)
    message = refused(vault)
    assert "was initialised while this run waited for another run, on build-7, since yesterday" in message
    assert "go on with the other's copy of the state" in message
    assert "adopt" not in message


def test_keys_in_the_journal_are_taken_once_they_are_proved(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    keep_in_journal(RECORD)
    answer_proofs(vault, True)
    result = run(vault)
    assert (result.record, result.initialized_here) == (RECORD, True)
    assert len(vault.asked(UPDATE_ROOT)) == 3
    # The engine hasn't saved them yet.
    assert journal().recover(CIPHER) == RECORD
    assert "Keys of an interrupted run were found in the journal" in capfd.readouterr().err


def test_keys_in_the_journal_that_are_not_those_of_this_vault_stay_there(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    keep_in_journal(RECORD)
    answer_proofs(vault, False)
    message = refused(vault, store)
    assert f"The keys in the journal ({journal().location}) aren't those of the Vault that answers" in message
    assert "Nothing was changed" in message
    assert journal().recover(CIPHER) == RECORD
    assert stored(store) is None


def test_keys_in_the_store_that_are_not_those_of_this_vault_stay_there(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    put(store, STORED)
    answer_proofs(vault, False)
    assert f"The keys in {store.location} aren't those of the Vault that answers" in refused(vault, store)
    assert stored(store) == STORED


def test_keys_of_another_vault_cluster_are_refused_without_a_share(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    put(store, replace(STORED, cluster_id="e150"))
    answer_proofs(vault, True)
    assert "the keys are those of Vault cluster e150, and 7d0f answers" in refused(vault, store)
    assert vault.asked(UPDATE_ROOT) == []


@pytest.mark.parametrize(
    ("proofs", "valid"),
    [((True,), STORED), ((False, True), OTHER)],
    ids=["stopped before the new shares counted", "stopped after"],
)
def test_of_two_sets_of_shares_the_valid_one_is_kept(
    vault: ScriptedVault, store: scripted_store.Store, proofs: tuple[bool, ...], valid: KeyRecord
) -> None:
    """A change of shares was stopped, and the state lost: the journal has the new ones, the store the old."""
    put(store, STORED)
    keep_in_journal(OTHER)
    answer_proofs(vault, *proofs)
    run(vault, store)
    found = stored(store)
    assert found is not None
    assert found.shares == valid.shares
    assert journal().find() is None


def test_neither_of_two_sets_is_touched_where_both_are_wrong(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    put(store, STORED)
    keep_in_journal(OTHER)
    answer_proofs(vault, False)
    assert "aren't those of the Vault that answers" in refused(vault, store)
    assert stored(store) == STORED
    assert journal().recover(CIPHER) == OTHER


# Adoption


def init_json(**changed: Any) -> str:
    """As vault operator init -format=json prints it for a seal that unseals by itself."""
    return json.dumps(
        {
            "unseal_keys_b64": [],
            "unseal_keys_hex": [],
            "unseal_shares": 1,
            "unseal_threshold": 1,
            "recovery_keys_b64": SHARES,
            "recovery_keys_hex": [],
            "recovery_keys_shares": 5,
            "recovery_keys_threshold": 3,
            "root_token": ROOT_TOKEN,
            **changed,
        }
    )


def test_vault_is_adopted_without_its_keys(
    vault: ScriptedVault, store: scripted_store.Store, capfd: pytest.CaptureFixture[str]
) -> None:
    vault.answers(SEAL_STATUS, UNSEALED)
    result = run(vault, store, adopt=True)
    assert (result.record, result.reference.location, result.initialized_here) == (None, "", False)
    assert stored(store) is None
    # Nothing was tried on it.
    assert {request.call for request in vault.requests} == {SEAL_STATUS}
    assert "initialised before, no keys are stored" in capfd.readouterr().err


@pytest.mark.parametrize("source", ["secret", "file"])
def test_vault_is_adopted_with_its_keys(
    vault: ScriptedVault,
    store: scripted_store.Store,
    source: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    answer_proofs(vault, True)
    (tmp_path / "init.json").write_text(init_json())
    given: Mapping[str, Any] = (
        {"adopted_keys": init_json()}
        if source == "secret"
        else {"adopted_keys_file": str(tmp_path / "init.json")}
    )
    result = run(vault, store, adopt=True, **given)
    assert (result.record, result.initialized_here) == (STORED, False)
    assert stored(store) == STORED
    assert len(vault.asked(UPDATE_ROOT)) == 3
    said = capfd.readouterr().err
    assert "Adopting Vault 1.18.1 on vault-0 with its keys" in said
    assert shown(said) == []


def test_adopted_shamir_vault_is_unsealed_by_its_keys(vault: ScriptedVault) -> None:
    sealed = seal_status("shamir", initialized=True)
    unsealed = seal_status("shamir", initialized=True, sealed=False, cluster_id="7d0f")
    vault.answers(SEAL_STATUS, sealed, sealed, unsealed)
    vault.answers(UNSEAL, sealed)
    keys = init_json(recovery_keys_b64=[], unseal_keys_b64=SHARES, unseal_threshold=3)
    result = run(vault, adopt=True, adopted_keys=keys, seal_type="shamir", seal_key="")
    assert result.record is not None
    assert (list(result.record.key_shares), result.record.recovery_shares) == (SHARES, ())
    assert vault.unsealed_with() == SHARES[:3]


@pytest.mark.parametrize(
    "text",
    [
        f"the token is {ROOT_TOKEN}",
        "[]",
        '"text"',
        "null",
        "{}",
        json.dumps({"root_token": ROOT_TOKEN}),
        init_json(recovery_keys_threshold="three"),
        init_json(recovery_keys_threshold=None),
        init_json(recovery_keys_b64=7),
    ],
)
def test_keys_to_adopt_that_are_something_else(vault: ScriptedVault, text: str) -> None:
    vault.answers(SEAL_STATUS, UNSEALED)
    message = refused(vault, adopt=True, adopted_keys=text)
    assert message.startswith("adoptedKeys isn't what vault operator init -format=json prints")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_file_of_keys_that_cannot_be_read(
    vault: ScriptedVault, tmp_path: Path, content: bytes | None
) -> None:
    vault.answers(SEAL_STATUS, UNSEALED)
    path = tmp_path / "init.json"
    if content is not None:
        path.write_bytes(content)
    message = refused(vault, adopt=True, adopted_keys_file=str(path))
    assert message.startswith(f"The keys in {path} can't be read: ")
    assert "Fix init.adoptedKeysFile" in message


def test_wrong_keys_are_not_adopted(vault: ScriptedVault, store: scripted_store.Store) -> None:
    answer_proofs(vault, False)
    message = refused(vault, store, adopt=True, adopted_keys=init_json())
    assert message.startswith("The keys in adoptedKeys aren't those of the Vault that answers")
    assert stored(store) is None


def test_wrong_keys_do_not_unseal_shamir(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("shamir", initialized=True))
    vault.answers(UNSEAL, error(400, "Unseal failed, invalid key"))
    keys = init_json(recovery_keys_b64=[], unseal_keys_b64=SHARES, unseal_threshold=3)
    message = refused(vault, adopt=True, adopted_keys=keys, seal_type="shamir", seal_key="")
    assert "the key shares don't unseal this Vault" in message


@pytest.mark.parametrize("changed", [{"shares": 7}, {"threshold": 2}])
def test_settings_have_to_say_how_many_shares_are_adopted(
    vault: ScriptedVault, changed: Mapping[str, Any]
) -> None:
    answer_proofs(vault, True)
    message = refused(vault, adopt=True, adopted_keys=init_json(), **changed)
    assert "set init.shares to 5 and init.threshold to 3" in message
    assert vault.asked(UPDATE_ROOT) == []


def test_own_keys_go_before_those_to_adopt(vault: ScriptedVault, store: scripted_store.Store) -> None:
    put(store, STORED)
    answer_proofs(vault, True)
    result = run(vault, store, adopt=True, adopted_keys=init_json(recovery_keys_b64=list(OTHER.shares)))
    assert (result.record, result.initialized_here) == (STORED, True)

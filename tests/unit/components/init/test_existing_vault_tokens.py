"""A Vault 2.x that is initialised already: its keys are proved with a token, wherever they are found."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.custody.key_record import KeyRecord
from components.custody.key_store import store_to_properties
from components.init.inputs import InitInputs
from components.init.procedure import InitResult, initialized
from components.vault.client import VaultForbiddenError
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import CIPHER, TARGET, InitCluster, init_inputs, journal, provide_cluster
from tests.unit.fakes.scripted_vault import (
    INIT,
    ROOT_TOKEN,
    SHARES,
    START_ROOT,
    UPDATE_ROOT,
    ScriptedVault,
)
from tests.unit.fakes.vault_keys import NEW_TOKEN, OTHER, RECORD, STORED, answer_proofs, shown

SETTING = "hvs.of-the-settings"
PLACES = ["journal", "store", "both", "adoptedKeys"]


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """The cluster that the journal lies in."""
    return provide_cluster(monkeypatch, tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> scripted_store.Store:
    (tmp_path / "store").mkdir()
    return scripted_store.Store(str(tmp_path / "store"))


def keys_in(place: str, record: KeyRecord, store: scripted_store.Store) -> dict[str, Any]:
    """Put the keys there; return the inputs that go with it."""
    if place in ("journal", "both"):
        opened = journal()
        opened.begin(CIPHER)
        # Of a change of shares that never took effect, if the store has the valid ones.
        opened.keep(replace(OTHER, root_token=record.root_token) if place == "both" else record)
    if place in ("store", "both"):
        store.write(record, TARGET)
    custody = store_to_properties(scripted_store.__name__, store)
    if place == "journal":
        return {}
    return {"adopt": True} if place == "adoptedKeys" else {"custody": custody}


def run(
    vault: ScriptedVault, record: KeyRecord, place: str, token: str, changed: dict[str, Any]
) -> InitResult:
    adopted = {
        "root_token": record.root_token,
        "recovery_keys_b64": SHARES,
        "recovery_keys_threshold": 3,
    }
    inputs = InitInputs.from_properties(
        init_inputs(vault.address, **changed), json.dumps(adopted) if place == "adoptedKeys" else "", token
    )
    return initialized(inputs)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("record", "valid"),
    [(STORED, ROOT_TOKEN), (STORED, SETTING), (STORED.without_root_token(), SETTING)],
    ids=["root token", "root token revoked by somebody", "root token revoked by the stack"],
)
def test_keys_are_proved_with_a_token_that_may_do_it(
    vault: ScriptedVault, store: scripted_store.Store, place: str, record: KeyRecord, valid: str
) -> None:
    changed = keys_in(place, record, store)
    answer_proofs(vault, True)
    vault.wants_tokens(valid, NEW_TOKEN)
    result = run(vault, record, place, SETTING, changed)
    assert result.record is not None
    assert result.record.shares == RECORD.shares
    assert {request.token for request in vault.asked(UPDATE_ROOT)} == {valid}
    assert vault.asked(INIT) == []


@pytest.mark.parametrize("place", PLACES)
def test_keys_are_proved_without_a_token_if_the_setting_allows_it(
    vault: ScriptedVault, store: scripted_store.Store, place: str
) -> None:
    record = STORED.without_root_token()
    changed = keys_in(place, record, store)
    answer_proofs(vault, True)
    vault.wants_tokens("hvs.of-nobody-here", unauthenticated=["generate-root"])
    assert run(vault, record, place, "", changed).record is not None


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("token", ["", SETTING])
def test_keys_that_no_token_can_prove_stay_where_they_are(
    vault: ScriptedVault, store: scripted_store.Store, place: str, token: str
) -> None:
    changed = keys_in(place, STORED, store)
    answer_proofs(vault, True)
    vault.wants_tokens("hvs.of-nobody-here")
    with pytest.raises(VaultForbiddenError, match=r"init\.unauthenticatedGenerateRoot") as raised:
        run(vault, STORED, place, token, changed)
    assert shown(str(raised.value)) == []
    assert vault.asked(START_ROOT) == vault.asked(INIT) == []
    if place == "journal":
        assert journal().recover(CIPHER) == STORED
    elif place != "adoptedKeys":
        assert store.read(TARGET) == STORED

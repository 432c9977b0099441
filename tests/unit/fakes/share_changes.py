"""A Vault whose shares are changed by an update of the resource, and what it had before."""

import base64
from collections.abc import Mapping
from typing import Any

from components.custody.key_record import KeyRecord
from components.operator_init import OperatorInitProvider
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import (
    CIPHER,
    DEPLOYMENT,
    TARGET,
    journal,
)
from tests.unit.fakes.init_runs import inputs_with
from tests.unit.fakes.scripted_vault import (
    CANCEL_REKEY,
    REKEY,
    ROOT_TOKEN,
    SHARES,
    START_REKEY,
    UPDATE_REKEY,
    VERIFY_REKEY,
    Answer,
    ScriptedVault,
    no_content,
)
from tests.unit.fakes.vault_keys import RECORD, answer_proofs

NEW = [base64.b64encode(bytes([number]) * 33).decode() for number in range(4)]
MORE = Answer({"complete": False})
CHANGE: Mapping[str, Any] = {"shares": 4, "threshold": 2}


def answer_change(vault: ScriptedVault) -> None:
    """A Vault that takes the current shares, and gives four new ones for three of them."""
    answer_proofs(vault, True)
    vault.answers(REKEY, Answer({"started": False, "nonce": ""}))
    vault.answers(START_REKEY, Answer({"started": True, "nonce": "own", "verification_required": True}))
    done = Answer({"complete": True, "keys_base64": NEW, "verification_nonce": "check"})
    vault.answers(UPDATE_REKEY, MORE, MORE, done)
    vault.answers(VERIFY_REKEY, MORE, Answer({"complete": True}))
    vault.answers(CANCEL_REKEY, no_content())


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
    """The state after the update that changes the shares."""
    before = dict(olds) if olds is not None else state(vault, store)
    outs = OperatorInitProvider().update("id", before, inputs_with(vault, store, **CHANGE)).outs
    assert outs is not None
    return outs


def stored(store: scripted_store.Store) -> KeyRecord:
    """The keys that the store has."""
    record = store.read(TARGET)
    assert record is not None
    return record


def keep_in_journal(record: KeyRecord) -> None:
    """A run that was killed left these keys in the journal."""
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(record)

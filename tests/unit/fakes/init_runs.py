"""Runs of the init against a scripted Vault, with the keys in the state or in a scripted store."""

from typing import Any

from components.custody.key_record import KeyRecord
from components.custody.key_store import store_to_properties
from components.init.inputs import InitInputs
from components.init.procedure import InitResult, initialized
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import TARGET, access, init_inputs
from tests.unit.fakes.scripted_vault import SEAL_STATUS, Answer, ScriptedVault


def inputs_with(vault: ScriptedVault, store: scripted_store.Store | None, **changed: Any) -> dict[str, Any]:
    """What the engine hands over for this Vault and this store; None for the state."""
    custody = store_to_properties(scripted_store.__name__, store) if store is not None else {}
    return init_inputs(vault.address, custody=custody, **changed)


def run(
    vault: ScriptedVault, store: scripted_store.Store | None = None, *, adopted_keys: str = "", **changed: Any
) -> InitResult:
    """One run of the init."""
    return initialized(InitInputs.from_properties(inputs_with(vault, store, **changed), adopted_keys))


def stored(store: scripted_store.Store) -> KeyRecord | None:
    """The keys that the store has."""
    return store.read(TARGET)


def pods_of(vault: ScriptedVault) -> dict[str, Any]:
    """The access to pods that the scripted Vault tells apart."""
    return access(f"{vault.address}/{{pod}}").to_properties()


def at_pod(name: str, call: str) -> str:
    """The call as it is made of one of these pods."""
    method, path = call.split(" ")
    return f"{method} /{name}{path}"


def pods_answer(vault: ScriptedVault, *statuses: Answer) -> None:
    """Sets the seal status of each pod, from pod 0 on."""
    for ordinal, status in enumerate(statuses):
        vault.answers(at_pod(f"vault-{ordinal}", SEAL_STATUS), status)

"""Declares the outputs of the one-time init, which are those of its resource."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from components.custody.key_custody import STATE_LOCATION
from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyReference
from components.init.inputs import InitInputs, state_record
from components.kubernetes.lease import RunLease
from components.seals.seal import seal_class

SECRET_OUTPUTS = ("root_token", "recovery_shares", "key_shares")
OUTPUTS = (
    "cluster_initialized_here",
    "vault_version",
    "deployment",
    "keys_location",
    "keys_version",
    "keys_fingerprint",
    *SECRET_OUTPUTS,
)
_ANOTHER_RUN_SECONDS = 60


def key_outputs(record: KeyRecord | None, reference: KeyReference, *, in_state: bool) -> dict[str, Any]:
    """Return the outputs about the keys: the keys themselves if the state keeps them, or only their place."""
    in_outputs = record if in_state else None
    return {
        "keys_location": reference.location,
        "keys_version": reference.version,
        "keys_fingerprint": record.fingerprint if record is not None else "",
        "root_token": in_outputs.root_token if in_outputs is not None else "",
        "recovery_shares": list(in_outputs.recovery_shares) if in_outputs is not None else [],
        "key_shares": list(in_outputs.key_shares) if in_outputs is not None else [],
    }


def missing_outputs(inputs: InitInputs, olds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs that the state of an earlier version of this program lacks."""
    record = state_record(inputs, olds)
    return {
        "deployment": inputs.deployment,
        "keys_location": STATE_LOCATION if record.shares else "",
        "keys_version": "",
        "keys_fingerprint": record.fingerprint if record.shares else "",
    }


def outputs_after_migration(inputs: InitInputs, olds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the key outputs for the new seal, once the store has the changed record.

    Raises :class:`KeysNotStoredError` if the store doesn't accept it; the previous record has the same
    shares.
    """
    if inputs.custody.store is None:
        return _after_migration(inputs, state_record(inputs, olds), None)
    lease = RunLease(inputs.access.target, inputs.access.statefulset)
    with lease.held(_ANOTHER_RUN_SECONDS):
        return _after_migration(inputs, inputs.custody.find(), lease)


def _after_migration(inputs: InitInputs, record: KeyRecord | None, lease: RunLease | None) -> dict[str, Any]:
    if record is None or not record.shares:
        return {}
    record = record_after_change(record, seal_type=inputs.seal_type, seal_key=inputs.seal_key)
    return key_outputs(record, inputs.custody.put(record, lease), in_state=inputs.custody.store is None)


def record_after_change(record: KeyRecord, *, seal_type: str, seal_key: str) -> KeyRecord:
    """Return the record of a Vault with the new seal: the same shares, as that seal's kind.

    Vault generates no new ones: Shamir's key shares become the recovery shares of a seal that unseals by
    itself, and the other way round. A record that is changed already stays the same.
    """
    recovery = seal_class(seal_type).unseals_itself
    return replace(
        record,
        seal_type=seal_type,
        seal_key=seal_key,
        recovery_shares=record.shares if recovery else (),
        key_shares=() if recovery else record.shares,
    )

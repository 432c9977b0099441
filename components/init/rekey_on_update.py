"""Rekeys Vault if the number, threshold or holders of its shares were changed in the settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from components.custody.key_custody import KeysNotStoredError
from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyReference
from components.errors import DeploymentError, RetryableError
from components.init.inputs import InitInputs, state_record
from components.init.procedure import init_cipher
from components.journal.journal import InitJournal
from components.progress import say
from components.shares.generate_root import WrongSharesError, permitted_client
from components.shares.rekey import ShareSet, UnsettledRekeyError, rekey_shares, settle_rekey
from components.vault.client import VaultClient, VaultRefusedError

_ANOTHER_RUN_SECONDS = 60


@dataclass(frozen=True, repr=False)
class ShareChange:
    """The keys after a rekey, and the inputs that they were created with. Not to be printed."""

    record: KeyRecord
    reference: KeyReference
    inputs: Mapping[str, Any]


def changed_shares(inputs: InitInputs, olds: Mapping[str, Any]) -> ShareChange | None:
    """Replace the shares by new ones; None if this stack has none, as of an adopted Vault.

    The new ones are in the journal before the old ones are void, and in their store right after. An
    interrupted run's rekey is finished first. Raises :class:`DeploymentError`; the shares that are valid then
    are in the store or the journal.
    """
    journal = InitJournal(inputs.access.target, inputs.access.statefulset, inputs.deployment)
    with journal.lease.held(_ANOTHER_RUN_SECONDS):
        return _changed_shares(inputs, olds, journal)


def _changed_shares(inputs: InitInputs, olds: Mapping[str, Any], journal: InitJournal) -> ShareChange | None:
    current = inputs.custody.find() if inputs.custody.store is not None else state_record(inputs, olds)
    if current is None or not current.shares:
        say("The shares of this Vault aren't known here, so they stay as they are")
        return None
    inputs.custody.require_room(inputs.largest_record)
    try:
        inputs.access.await_running(0, seconds=30)
        with inputs.access.reach(0) as client:
            return _changed(inputs, client, current, journal)
    except (RetryableError, UnsettledRekeyError, VaultRefusedError, WrongSharesError) as error:
        raise DeploymentError(
            f"The shares couldn't be changed: {error}\nThose that are valid are in {inputs.custody.location}"
            f", or, if the change had begun, in the journal ({journal.location}). Run pulumi up again."
        ) from None


def _changed(
    inputs: InitInputs, client: VaultClient, current: KeyRecord, journal: InitJournal
) -> ShareChange:
    client = permitted_client(client, (current.plain_root_token, inputs.token))
    cipher = init_cipher(inputs)
    entry = journal.find()
    own_nonce = entry.rekey_nonce if entry is not None and not entry.belongs_to_live_run else ""
    if entry is not None and entry.kept:
        left_over = journal.recover(cipher)
        old = ShareSet(current.shares, current.threshold, current.shares_encrypted)
        new = ShareSet(left_over.shares, left_over.threshold, left_over.shares_encrypted)
        valid = settle_rekey(
            client, recovery=bool(current.recovery_shares), old=old, new=new, own_nonce=own_nonce
        )
        if valid is new:
            if left_over.shares_encrypted and not inputs.pgp_keys:
                raise DeploymentError(
                    "New shares of an interrupted run are valid already, and encrypted to their holders: set "
                    "init.pgpKeys as it was then, and run pulumi up again."
                )
            say("New shares of an interrupted run are valid already; they are stored now")
            return _stored(inputs, left_over, journal, current)
        # The journaled shares never became valid.
        journal.finish()
    if current.shares_encrypted:
        raise DeploymentError(
            "The shares are encrypted to their holders, so only the holders can make new ones: vault "
            "operator rekey. Set init.shares, init.threshold and init.pgpKeys back."
        )
    journal.begin(cipher)
    recovery = bool(current.recovery_shares)

    def with_shares(shares: Sequence[str]) -> KeyRecord:
        return replace(
            current,
            threshold=inputs.threshold,
            recovery_shares=tuple(shares) if recovery else (),
            key_shares=() if recovery else tuple(shares),
            shares_encrypted=bool(inputs.pgp_keys),
        )

    say(f"Making {inputs.shares} new shares, {inputs.threshold} needed, in place of {len(current.shares)}")
    shares = rekey_shares(
        client,
        recovery=recovery,
        current=current.shares,
        threshold=current.threshold,
        new_shares=inputs.shares,
        new_threshold=inputs.threshold,
        pgp_keys=inputs.pgp_keys,
        note=journal.note_rekey,
        store=lambda new: journal.keep(with_shares(new)),
        own_nonce=own_nonce,
    )
    return _stored(inputs, with_shares(shares), journal, current)


def _stored(inputs: InitInputs, record: KeyRecord, journal: InitJournal, previous: KeyRecord) -> ShareChange:
    try:
        reference = inputs.custody.put(record, journal.lease, replaces=previous.fingerprint)
    except KeysNotStoredError as error:
        raise DeploymentError(
            f"{error}\nThe new shares are valid, and safe in the journal, encrypted ({journal.location}). "
            "Fix the store and run pulumi up again: it takes them from there."
        ) from None
    if inputs.custody.store is not None:
        journal.finish()
    # An interrupted rekey may have been to other numbers than the settings have now; the state then says
    # so, and the next update rekeys to the settings' numbers.
    made_with: dict[str, Any] = {"shares": len(record.shares), "threshold": record.threshold}
    if not record.shares_encrypted:
        made_with["pgp_keys"] = []
    return ShareChange(record, reference, made_with)

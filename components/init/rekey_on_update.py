"""Rekeys Vault if the number, threshold or holders of its shares were changed in the settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from components.custody.key_custody import KeysNotStoredError
from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyReference
from components.errors import DeploymentError, RetryableError
from components.init.inputs import ANOTHER_KEY, InitInputs, holders_of, made_with, state_record
from components.init.procedure import init_cipher
from components.journal.journal import InitJournal
from components.progress import Waiting, say
from components.shares.generate_root import WrongSharesError, permitted_client
from components.shares.rekey import ShareSet, UnsettledRekeyError, end_own_rekey, rekey_shares, settle_rekey
from components.shares.unseal import StillSealedError, give_shares
from components.vault.client import VaultClient, VaultRefusedError
from components.vault.diagnostics import with_pod_problems

_ANOTHER_RUN_SECONDS = 60
_UNSEAL_SECONDS = 60


@dataclass(frozen=True, repr=False)
class ShareChange:
    """The keys after a rekey, and the inputs that they were created with. Not to be printed."""

    record: KeyRecord
    reference: KeyReference
    inputs: Mapping[str, Any]


def changed_shares(inputs: InitInputs, olds: Mapping[str, Any], *, rekey: bool) -> ShareChange | None:
    """Settle an interrupted change of shares, and with ``rekey`` replace the shares by new ones.

    The new ones are in the journal, in the cluster too, before the old ones are void, and in their store
    right after; the journal stays until the state has their fingerprint. Returns None if the shares that the
    state names stay the valid ones, or if this stack has none, as of an adopted Vault. Raises
    :class:`DeploymentError`; the shares that are valid then are in the store or the journal.
    """
    journal = InitJournal(inputs.access.target, inputs.access.statefulset, inputs.deployment)
    with journal.lease.held(_ANOTHER_RUN_SECONDS):
        return _changed_shares(inputs, olds, journal, rekey=rekey)


def _changed_shares(
    inputs: InitInputs, olds: Mapping[str, Any], journal: InitJournal, *, rekey: bool
) -> ShareChange | None:
    current = inputs.custody.find() if inputs.custody.store is not None else state_record(inputs, olds)
    if current is None or not current.shares:
        say("The shares of this Vault aren't known here, so they stay as they are")
        if not _left_over(journal):
            journal.finish()
        return None
    fingerprint = str(olds["keys_fingerprint"])
    try:
        inputs.access.await_running(0, seconds=30)
        with inputs.access.reach(0) as client:
            _unseal(inputs, client, current, journal)
            unsettled = _left_over(journal) or current.fingerprint != fingerprint
            if not rekey and not unsettled:
                _drop_intent(inputs, client, current, journal)
                return None
            client = permitted_client(client, (current.plain_root_token, inputs.token))
            settled = _settled(inputs, client, current, journal, fingerprint) if unsettled else None
            if settled is not None:
                return _stored(inputs, settled, journal, current)
            return _changed(inputs, client, current, journal) if rekey else None
    except (RetryableError, UnsettledRekeyError, VaultRefusedError, WrongSharesError) as error:
        said = with_pod_problems(inputs.access, str(error))
        raise DeploymentError(
            f"The shares couldn't be changed: {said}\nThose that are valid are in {inputs.custody.location}"
            f", or, if the change had begun, in the journal ({journal.location}). Run pulumi up again: it "
            "finds out which, also if the settings are set back, and asks for the holders' PGP keys if it "
            "needs them."
        ) from None


def _settled(
    inputs: InitInputs, client: VaultClient, current: KeyRecord, journal: InitJournal, fingerprint: str
) -> KeyRecord | None:
    """Return the valid keys if an interrupted change made other ones than the state's ``fingerprint``."""
    valid = current
    # Shares that are encrypted to their holders are the last ones that this program made.
    if not current.shares_encrypted:
        valid = _proved(inputs, client, current, journal)
    if valid.fingerprint == fingerprint:
        # What else the journal has is in the state already, or never became valid.
        journal.finish(fingerprint, others_void=True)
        return None
    say("New shares of an interrupted run are valid already; they are stored now")
    return valid


def _left_over(journal: InitJournal) -> bool:
    """Return whether the journal has keys, rather than nothing or a mere intent."""
    entry = journal.find()
    return entry is not None and entry.kept


def _drop_intent(inputs: InitInputs, client: VaultClient, current: KeyRecord, journal: InitJournal) -> None:
    """End what is left of a change that had made no shares yet, so that there are none to choose from."""
    tokens = (current.plain_root_token, inputs.token)
    recovery = bool(current.recovery_shares)
    try:
        permitted = permitted_client(client, tokens)
        end_own_rekey(permitted, _share_set(current), recovery=recovery, attempts=journal.lease)
    except (VaultRefusedError, WrongSharesError) as error:
        say(f"Whether a change of shares that was begun is still in progress can't be seen: {error}")
    journal.finish(current.fingerprint)


def _proved(inputs: InitInputs, client: VaultClient, current: KeyRecord, journal: InitJournal) -> KeyRecord:
    """Return the current keys or the journal's, whichever Vault takes."""
    recovered: list[KeyRecord] = []

    def new() -> ShareSet | None:
        if not _left_over(journal):
            return None
        recovered.append(journal.recover(init_cipher(inputs)))
        return _share_set(recovered[0])

    old = _share_set(current)
    recovery = bool(current.recovery_shares)
    valid = settle_rekey(client, recovery=recovery, old=old, new=new, attempts=journal.lease)
    return current if valid is old else recovered[0]


def _share_set(record: KeyRecord) -> ShareSet:
    return ShareSet(record.shares, record.threshold, record.shares_encrypted)


def _unseal(inputs: InitInputs, client: VaultClient, current: KeyRecord, journal: InitJournal) -> None:
    """Unseal a server whose seal is Shamir's, with the current shares or else the journal's.

    Nothing else would: the state may have void shares after an interrupted change.
    """
    status = client.seal_status()
    if not status.sealed or status.recovery_seal or current.shares_encrypted:
        return
    waiting = Waiting("Unsealing", _UNSEAL_SECONDS)
    try:
        give_shares(client, current.shares[: current.threshold], waiting)
    except (VaultRefusedError, StillSealedError):
        if not _left_over(journal):
            raise
        left_over = journal.recover(init_cipher(inputs))
        give_shares(client, left_over.shares[: left_over.threshold], waiting)


def _changed(
    inputs: InitInputs, client: VaultClient, current: KeyRecord, journal: InitJournal
) -> ShareChange:
    if current.shares_encrypted:
        raise DeploymentError(
            "The shares are encrypted to their holders, so only the holders can make new ones: vault "
            "operator rekey. Set init.shares, init.threshold and init.pgpKeys back."
        )
    _require_usable(inputs.pgp_keys)
    inputs.custody.require_room(inputs.largest_record)
    journal.begin(init_cipher(inputs))
    recovery = bool(current.recovery_shares)

    def with_shares(shares: Sequence[str]) -> KeyRecord:
        return replace(
            current,
            threshold=inputs.threshold,
            recovery_shares=tuple(shares) if recovery else (),
            key_shares=() if recovery else tuple(shares),
            shares_encrypted=bool(inputs.pgp_keys),
            holders=holders_of(inputs.pgp_keys),
        )

    def store(shares: Sequence[str]) -> None:
        # From here to the last submission nothing but this run may change the keys.
        journal.keep(with_shares(shares), in_cluster=True)
        journal.lease.check()

    say(f"Making {inputs.shares} new shares, {inputs.threshold} needed, in place of {len(current.shares)}")
    shares = rekey_shares(
        client,
        recovery=recovery,
        current=current.shares,
        threshold=current.threshold,
        new_shares=inputs.shares,
        new_threshold=inputs.threshold,
        pgp_keys=inputs.pgp_keys,
        store=store,
        attempts=journal.lease,
    )
    return _stored(inputs, with_shares(shares), journal, current)


def _require_usable(pgp_keys: Sequence[str]) -> None:
    if not pgp_keys:
        return
    # Imported where it is used: only a stack with PGP keys needs it.
    from components.custody.pgp_keys import why_unusable

    problems = [*filter(None, map(why_unusable, pgp_keys))]
    if problems:
        raise DeploymentError(f"{'; '.join(problems)}; {ANOTHER_KEY}. No new shares were made.")


def _stored(inputs: InitInputs, record: KeyRecord, journal: InitJournal, previous: KeyRecord) -> ShareChange:
    properties = made_with(inputs, record)
    try:
        reference = inputs.custody.put(record, journal.lease, replaces=previous.fingerprint)
    except KeysNotStoredError as error:
        settings = (
            "with the same init.pgpKeys" if record.shares_encrypted else "whatever the settings say by then"
        )
        raise DeploymentError(
            f"{error}\nThe new shares are valid, and safe in the journal, encrypted ({journal.location}). "
            f"Fix the store and run pulumi up again, {settings}: it takes them from there."
        ) from None
    return ShareChange(record, reference, properties)

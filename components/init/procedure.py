"""Runs the one-time init. Each step is verified before the next, and an interrupted run can be resumed.

The store and the seal are proved first, as nothing after `sys/init` can be undone. The journal records the
intent before the init, and the encrypted answer right after it; if the run is stopped then, the next one
finds the keys.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from components.custody.key_custody import KeysNotStoredError
from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyReference, KeyStoreError
from components.errors import DeploymentError, RetryableError
from components.init.existing_vault import take_over
from components.init.inputs import InitInputs, holders_of, made_with
from components.init.other_servers import (
    NotAloneError,
    OutdatedPodError,
    observe_servers,
    replace_outdated,
    require_no_other_vault,
)
from components.journal.encryption import JournalCipher, JournalError, SealKeyCipher, StackKeyCipher
from components.journal.journal import InitJournal
from components.kubernetes.lease import AnotherRunError
from components.progress import Waiting, say
from components.seals.seal import prove_seal
from components.stable_provider import RUN_BEGAN
from components.vault.answers import SealStatus
from components.vault.client import (
    VaultAlreadyInitializedError,
    VaultClient,
    VaultRefusedError,
    VaultUnavailableError,
)
from components.vault.diagnostics import init_failed, not_started, waiting_state, with_pod_problems

_CLUSTER_ID_SECONDS = 30


@dataclass(frozen=True, repr=False)
class InitResult:
    """The known keys after the init. Not to be printed."""

    record: KeyRecord | None
    """None if Vault was adopted without its keys."""
    reference: KeyReference
    """Place of the keys; an empty location if there are none."""
    initialized_here: bool
    """False if Vault was adopted."""
    made_with: Mapping[str, Any]
    """Properties that the shares were made with, if the settings may have been changed since."""
    vault_version: str


def initialized(inputs: InitInputs) -> InitResult:
    """Initialise Vault if it isn't yet, and return its keys once they are stored.

    Raises :class:`DeploymentError` with what to do. Vault is initialised at most once, however often this is
    called.
    """
    journal = InitJournal(inputs.access.target, inputs.access.statefulset, inputs.deployment)
    with journal.lease.held(inputs.pod_start_seconds):
        return _initialized(inputs, journal)


def _initialized(inputs: InitInputs, journal: InitJournal) -> InitResult:
    inputs.custody.probe(inputs.largest_record)
    # A store with the keys of another Vault is refused before anything else is tried.
    inputs.custody.find()

    @cache
    def cipher() -> JournalCipher:
        return init_cipher(inputs)

    if not inputs.adopt:
        cipher()
    waiting = Waiting(f"Waiting for {inputs.access.pod(0)}", inputs.pod_start_seconds)
    while True:
        try:
            inputs.access.await_running(0, seconds=min(10, waiting.remaining_seconds))
            with inputs.access.reach(0) as client:
                return _initialized_at(inputs, client, cipher, journal)
        except (NotAloneError, OutdatedPodError) as error:
            if isinstance(error, OutdatedPodError):
                # What the former pod has proved may not be what the new one can do.
                cipher.cache_clear()
            if waiting.over:
                raise DeploymentError(with_pod_problems(inputs.access, str(error))) from None
            waiting.pause(
                partial(with_pod_problems, inputs.access, str(error).splitlines()[0], "; "), seconds=1
            )
        except RetryableError as error:
            if waiting.over:
                raise DeploymentError(not_started(inputs.access, str(error))) from None
            waiting.pause(partial(waiting_state, inputs.access, str(error)))
        except AnotherRunError as error:
            if waiting.over:
                raise
            waiting.pause(str(error), seconds=1)


def init_cipher(inputs: InitInputs) -> JournalCipher:
    """Return the journal's cipher: that of the seal's key, once proved, or of the stack's own key."""
    stack = StackKeyCipher(inputs.journal_key)
    if not inputs.preflight:
        return stack
    return SealKeyCipher(prove_seal(inputs.preflight, inputs.access.target, inputs.preflight_seconds), stack)


def _initialized_at(
    inputs: InitInputs, client: VaultClient, cipher: Callable[[], JournalCipher], journal: InitJournal
) -> InitResult:
    status = client.seal_status()
    # Read in every round: another run may have stored them meanwhile.
    stored = inputs.custody.find()
    if not status.initialized:
        return _initialize(inputs, client, status, journal, cipher, stored)
    _require_seal_type(status, inputs.seal_type)
    taken = take_over(inputs, client, status, journal, cipher, stored)
    record, here = taken.record, taken.initialized_here
    reference = KeyReference(location="", version="")
    properties = made_with(inputs, record) if record is not None and here else {}
    if record is not None:
        replaces = stored.fingerprint if stored is not None else ""
        elsewhere = "" if here else "The keys that were given stay where they are"
        if here and stored is not None and stored.fingerprint == record.fingerprint:
            elsewhere = f"The keys are in {inputs.custody.location} from an earlier run"
        record, reference = _stored(inputs, record, client, journal, replaces=replaces, elsewhere=elsewhere)
    return InitResult(record, reference, here, properties, status.version)


def _initialize(
    inputs: InitInputs,
    client: VaultClient,
    status: SealStatus,
    journal: InitJournal,
    cipher: Callable[[], JournalCipher],
    stored: KeyRecord | None,
) -> InitResult:
    """Initialise Vault, once it is sure to be the only one and to have the settings' seal."""
    servers = observe_servers(inputs.access, status)
    require_no_other_vault(inputs.access, servers, RUN_BEGAN)
    if inputs.adopt:
        raise DeploymentError(
            f"init.adopt is set, and Vault on {inputs.access.pod(0)} isn't initialised, so there is nothing "
            "to adopt. This run initialised nothing. Check kubeContext, namespace and releaseName; or, for a "
            "new Vault, remove init.adopt and run pulumi up again."
        )
    if stored is not None:
        raise DeploymentError(
            f"{inputs.custody.location} holds the keys of an earlier Vault of this name, and the one "
            "that runs isn't initialised. Its backups may need them, so they are never overwritten: move "
            "them to another place, or set another one in custody, and run pulumi up again."
        )
    replace_outdated(inputs.access, servers, others_install=inputs.others_install)
    _require_seal_type(status, inputs.seal_type)
    record = _new_keys(inputs, client, status, journal, cipher())
    try:
        journal.keep(record)
    except JournalError as error:
        # The store may accept them yet.
        say(f"The keys couldn't be kept in the journal, they go to their store at once: {error}")
    record, reference = _stored(inputs, record, client, journal)
    return InitResult(record, reference, True, {}, status.version)


def _new_keys(
    inputs: InitInputs, client: VaultClient, status: SealStatus, journal: InitJournal, cipher: JournalCipher
) -> KeyRecord:
    """Return the keys that `sys/init` answers, once the journal has recorded the intent."""
    # What can fail comes before the init.
    holders = holders_of(inputs.pgp_keys)
    journal.begin(cipher)
    say(f"Initialising Vault {status.version} on {inputs.access.pod(0)}, seal {status.seal_type}")
    journal.lease.check()
    try:
        answer = client.initialize(
            shares=inputs.shares,
            threshold=inputs.threshold,
            recovery=status.recovery_seal,
            pgp_keys=inputs.pgp_keys,
            root_token_pgp_key=inputs.root_token_pgp_key,
        )
    except VaultAlreadyInitializedError:
        # Another run initialised it first, and its keys don't belong in this journal.
        journal.withdraw()
        raise AnotherRunError(f"{inputs.access.pod(0)} was initialised by somebody else meanwhile") from None
    except (VaultUnavailableError, VaultRefusedError) as error:
        raise DeploymentError(
            init_failed(inputs.access, str(error), recovery_seal=status.recovery_seal)
        ) from None
    return KeyRecord(
        deployment=inputs.deployment,
        seal_type=inputs.seal_type,
        seal_key=inputs.seal_key,
        threshold=inputs.threshold,
        root_token=answer.root_token,
        recovery_shares=answer.recovery_shares,
        key_shares=answer.key_shares,
        shares_encrypted=bool(inputs.pgp_keys),
        holders=holders,
        root_token_encrypted=bool(inputs.root_token_pgp_key),
    )


def _stored(
    inputs: InitInputs,
    record: KeyRecord,
    client: VaultClient,
    journal: InitJournal,
    *,
    replaces: str = "",
    elsewhere: str = "",
) -> tuple[KeyRecord, KeyReference]:
    """Store the keys, and finish the journal; ``elsewhere`` says where they are besides, if anywhere.

    For the state RaftQuorum finishes the journal later: the engine writes the state only when this resource
    has returned.
    """
    custody = inputs.custody
    try:
        reference = custody.put(record, journal.fence, replaces=replaces)
    except KeysNotStoredError as error:
        raise DeploymentError(f"{error}\n{_still_kept(record, journal, elsewhere)}") from None
    if custody.store is None:
        return record, reference
    if not record.cluster_id:
        record = replace(record, cluster_id=_cluster_id(client))
        try:
            reference = custody.put(record, journal.fence) if record.cluster_id else reference
        except KeyStoreError as error:
            say(f"The keys are stored, but not the id of Vault's cluster beside them: {error}")
    journal.finish()
    return record, reference


def _still_kept(record: KeyRecord, journal: InitJournal, elsewhere: str) -> str:
    """Return where the keys are that the store hasn't accepted."""
    again = "Fix the store and run pulumi up again"
    if elsewhere:
        return f"{elsewhere}. {again}."
    try:
        entry = journal.find()
    except JournalError as error:
        return f"Whether the journal has them can't be seen now: {error}\n{again}: it takes them from there."
    if entry is not None and entry.kept and entry.fingerprint == record.fingerprint:
        return (
            f"The keys are safe: they are in the journal, encrypted ({journal.location}). {again}: it takes "
            "them from there."
        )
    return (
        f"Nor did the journal ({journal.location}), so the keys of this Vault are lost, and nobody ever had "
        "them. Fix both places and run pulumi up again: it says how to begin again."
    )


def _cluster_id(client: VaultClient) -> str:
    """Return Vault's id of its cluster, known once it is unsealed; empty if that takes too long."""
    waiting = Waiting("Waiting for Vault to unseal", _CLUSTER_ID_SECONDS)
    while True:
        try:
            status = client.seal_status()
        except VaultUnavailableError:
            status = None
        # A server with Shamir's seal stays sealed until it gets its shares.
        if status is not None and (status.cluster_id or not status.recovery_seal):
            return status.cluster_id
        if waiting.over:
            return ""
        waiting.pause("not unsealed yet")


def _require_seal_type(status: SealStatus, configured: str) -> None:
    if status.seal_type != configured:
        raise DeploymentError(
            f"The settings say seal {configured}, but the Vault that answers has seal {status.seal_type}. "
            "This run has changed nothing. Either another Vault answers (check kubeContext, namespace and "
            "releaseName), or its pods still run with an older configuration (delete them to restart)."
        )

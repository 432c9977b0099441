"""Finds the keys of a Vault that is initialised already, or adopts it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from components.custody.key_record import KeyRecord
from components.errors import DeploymentError
from components.init.empty_vault import NotProvablyEmptyError, deletion_commands, require_initialized_by
from components.init.inputs import InitInputs
from components.journal.encryption import JournalCipher, JournalError
from components.journal.entry import JournalEntry
from components.journal.journal import InitJournal
from components.kubernetes.lease import AnotherRunError
from components.progress import say
from components.shares.verification import WrongKeysError, verify_keys
from components.vault.answers import SealStatus
from components.vault.client import VaultClient


@dataclass(frozen=True, repr=False)
class TakenOver:
    """The known keys of a Vault that was initialised before. Not to be printed."""

    record: KeyRecord | None
    """None if it was adopted without keys."""
    initialized_here: bool
    """Whether an earlier run of this stack initialised it."""


def take_over(
    inputs: InitInputs,
    client: VaultClient,
    status: SealStatus,
    journal: InitJournal,
    cipher: Callable[[], JournalCipher],
    stored: KeyRecord | None,
) -> TakenOver:
    """Return the keys of the Vault of ``client``, verified with it.

    Keys of an interrupted run come first: from the journal, then those ``stored``. Raises
    :class:`DeploymentError` if there are none and Vault isn't to be adopted, and :class:`AnotherRunError`
    while another run initialises it.
    """
    entry, record = _left_in(journal, cipher, stored)
    if record is not None:
        journal.say_once(f"Keys of an interrupted run were found in the journal ({journal.location})")
        if stored is not None and stored.fingerprint != record.fingerprint:
            record = _valid_of(inputs, client, journal, record, stored)
        else:
            _verify(inputs, client, journal, record, f"the journal ({journal.location})")
        return TakenOver(record, initialized_here=True)
    if stored is not None:
        say(f"Keys of this Vault were found in {inputs.custody.location}")
        _verify(inputs, client, journal, stored, inputs.custody.location)
        return TakenOver(stored, initialized_here=True)
    if inputs.adopt:
        return _adopted(inputs, client, status, journal)
    if entry is not None:
        if entry.belongs_to_live_run:
            raise AnotherRunError(
                f"Another run initialises this Vault at the moment ({entry.run.description}); this one has "
                "changed nothing. Wait for it to end, then run pulumi up again."
            )
        raise DeploymentError(_keys_of_nobody(inputs, status, journal, entry))
    if journal.lease.waited_for:
        raise DeploymentError(
            f"Vault on {inputs.access.pod(0)} was initialised while this run waited for "
            f"{journal.lease.waited_for}. Its keys are in the state of that one, and neither in "
            f"{inputs.custody.location} nor in a journal ({journal.location}). This run has changed nothing: "
            "go on with the other's copy of the state, and keep one state for all who run pulumi up."
        )
    raise DeploymentError(
        f"Vault on {inputs.access.pod(0)} is initialised already, by somebody or something else than this "
        f"stack, and its keys are neither in {inputs.custody.location} nor in a journal "
        f"({journal.location}); Vault doesn't return them again. Two ways out:\n"
        "- Take it over: set init.adopt to true, and give its keys (adoptedKeys, or init.adoptedKeysFile) or "
        "a token.\n"
        "- If it is left over from an earlier trial: see that nothing of value is in it, delete its pods "
        "with their volumes yourself, as pulumi up deletes none, and run pulumi up again."
    )


def _left_in(
    journal: InitJournal, cipher: Callable[[], JournalCipher], stored: KeyRecord | None
) -> tuple[JournalEntry | None, KeyRecord | None]:
    """Return what the journal has, and the keys in it; nothing if it can't be read and others are stored."""
    try:
        entry = journal.find()
        return entry, journal.recover(cipher()) if entry is not None and entry.kept else None
    except JournalError as error:
        if stored is None:
            raise
        journal.say_once(f"{error}\nThe keys that are stored are tried without it.")
        return None, None


def _valid_of(
    inputs: InitInputs, client: VaultClient, journal: InitJournal, journaled: KeyRecord, stored: KeyRecord
) -> KeyRecord:
    """Return the valid one of two sets: a rekey was interrupted just before or after it took effect."""
    try:
        verify_keys(client, stored, journal.lease, inputs.token)
    except WrongKeysError:
        _verify(inputs, client, journal, journaled, "the journal")
        return journaled
    return stored


def _keys_of_nobody(inputs: InitInputs, status: SealStatus, journal: InitJournal, entry: JournalEntry) -> str:
    """Return the message for a Vault that an interrupted run initialised, with the proof that it is empty."""
    pod = inputs.access.pod(0)
    lost = (
        f"Vault on {pod} is initialised, but its keys went to nobody: the run that initialised it was "
        f"interrupted before it had Vault's answer ({entry.run.description}, {entry.began})."
    )
    adopt = "If you have its keys after all, set init.adopt to true and give them (adoptedKeys)."
    try:
        if not entry.matches_volume(journal.volume()):
            raise NotProvablyEmptyError("its volume is another one than that run's")
        require_initialized_by(inputs.access, datetime.fromisoformat(entry.began))
        commands = deletion_commands(inputs.access, status)
    except NotProvablyEmptyError as error:
        return (
            f"{lost} That it is empty can't be proven: {error}. {adopt} If you know that nothing is in it, "
            "delete its pods with their volumes yourself, as pulumi up deletes none, and run pulumi up "
            "again."
        )
    lines = "".join(f"\n  {command}" for command in commands)
    return (
        f"{lost} So it can't contain any data. To begin again, delete its volumes and pods, and run pulumi "
        f"up again:{lines}\n{adopt}"
    )


def _adopted(inputs: InitInputs, client: VaultClient, status: SealStatus, journal: InitJournal) -> TakenOver:
    pod = inputs.access.pod(0)
    source = inputs.adopted_keys_file or "adoptedKeys"
    given = _given_keys(inputs, source)
    if given is None:
        say(f"Adopting Vault {status.version} on {pod}: initialised before, no keys are stored")
        return TakenOver(None, initialized_here=False)
    if (len(given.shares), given.threshold) != (inputs.shares, inputs.threshold):
        raise DeploymentError(
            f"The keys to adopt are {len(given.shares)} shares, {given.threshold} of them needed: set "
            f"init.shares to {len(given.shares)} and init.threshold to {given.threshold}."
        )
    _verify(inputs, client, journal, given, source)
    say(f"Adopting Vault {status.version} on {pod} with its keys")
    return TakenOver(given, initialized_here=False)


def _given_keys(inputs: InitInputs, source: str) -> KeyRecord | None:
    text = inputs.adopted_keys
    if inputs.adopted_keys_file:
        try:
            text = Path(inputs.adopted_keys_file).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DeploymentError(
                f"The keys in {source} can't be read: {type(error).__name__}. Fix init.adoptedKeysFile."
            ) from None
    if not text:
        return None
    try:
        return _init_answer(json.loads(text), inputs)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DeploymentError(
            f"{source} isn't what vault operator init -format=json prints: an object with root_token, "
            "recovery_keys_b64 or unseal_keys_b64, and their threshold."
        ) from None


def _init_answer(document: dict[str, Any], inputs: InitInputs) -> KeyRecord:
    """Return the keys in the CLI's JSON of an init (command/operator_init.go in Vault)."""
    recovery = tuple(str(share) for share in document.get("recovery_keys_b64") or ())
    unseal = tuple(str(share) for share in document.get("unseal_keys_b64") or ())
    threshold = document["recovery_keys_threshold"] if recovery else document["unseal_threshold"]
    if not recovery and not unseal:
        raise KeyError
    return KeyRecord(
        deployment=inputs.deployment,
        seal_type=inputs.seal_type,
        seal_key=inputs.seal_key,
        threshold=int(threshold),
        root_token=str(document.get("root_token") or ""),
        recovery_shares=recovery,
        key_shares=() if recovery else unseal,
    )


def _verify(
    inputs: InitInputs, client: VaultClient, journal: InitJournal, record: KeyRecord, source: str
) -> None:
    try:
        verify_keys(client, record, journal.lease, inputs.token)
    except WrongKeysError as error:
        raise DeploymentError(
            f"The keys in {source} aren't those of the Vault that answers: {error}. Nothing was changed. "
            "Check kubeContext, namespace and releaseName; or the volumes were replaced behind these keys."
        ) from None

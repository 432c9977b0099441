"""Tells what changed inputs of the init ask of an update: new shares, a migrated seal, or neither."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.vault.pod_access import PodAccess

SHARE_INPUTS = ("shares", "threshold", "pgp_keys")
"""Inputs that can only be changed by a rekey."""


def changed_share_inputs(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """Return the names of the inputs that ask for new shares; a key that its holder renewed doesn't."""
    return [
        name
        for name in SHARE_INPUTS
        if (olds.get(name) or []) != (news.get(name) or [])
        and not (name == "pgp_keys" and same_holders(olds.get(name) or [], news.get(name) or []))
    ]


def same_holders(olds: Sequence[str | None], news: Sequence[str | None]) -> bool:
    """Return whether these are the same PGP keys (base64), by their fingerprints."""
    if [*filter(None, olds)] == [*filter(None, news)]:
        return True
    # Imported where it is used: only a stack with PGP keys needs it.
    from components.custody.pgp_keys import PgpKeyError, fingerprints

    try:
        return fingerprints(olds) == fingerprints(news)
    except PgpKeyError:
        return False


def unusable_keys(props: Mapping[str, Any]) -> Mapping[str, str]:
    """Return why PGP keys can't be encrypted to now, by the name of the input."""
    given = {"pgp_keys": props.get("pgp_keys") or [], "root_token_pgp_key": [props.get("root_token_pgp_key")]}
    given = {name: [*filter(None, keys)] for name, keys in given.items()}
    if not any(given.values()):
        return {}
    from components.custody.pgp_keys import why_unusable

    found = {name: "; ".join(filter(None, map(why_unusable, keys))) for name, keys in given.items()}
    return {name: problems for name, problems in found.items() if problems}


def change_interrupted(olds: Mapping[str, Any], news: Mapping[str, Any], *, sure: bool = False) -> bool:
    """Return whether the journal has a change of the shares that the state knows, which was interrupted.

    A place of it that can't be read is reported, and with ``sure`` raises :class:`JournalError` if the other
    one has no keys.
    """
    fingerprint, deployment = str(olds.get("keys_fingerprint") or ""), str(olds.get("deployment") or "")
    if not fingerprint or not deployment:
        return False
    from components.journal.journal import InitJournal

    access = PodAccess.from_properties(news["access"])
    journal = InitJournal(access.target, access.statefulset, deployment)
    if sure:
        journal.find()
    return journal.has_change(fingerprint)


def completes_migration(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Return whether this is the update that records that Vault has the new seal.

    While the release that others install lacks the stack's values the state may miss how a migration begins.
    Whether it has ended is what the guard of the release asks. States of earlier versions have no seal.
    """
    before = olds.get("migrate_from") or olds.get("seal_type") or news["seal_type"]
    return not news.get("migrate_from") and before != news["seal_type"]

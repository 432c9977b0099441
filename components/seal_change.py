"""What a change of the seal in the settings may be, and what it makes of the keys.

A seal is changed in three steps: `pulumi up` with the new seal and `migrateFrom`, the command
`components.seal_migration`, `pulumi up` without `migrateFrom`. Only the last one changes what is noted of the
keys, as before it Vault may still have the old seal.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from components.custody.key_record import KeyRecord
from components.pod_access import PodAccess
from components.pod_seal import begun_migration, unfinished_migration
from components.seals.seal import seal_class


def seal_change_problem(olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[str, str] | None:
    """Which property of the init's resource may not change so, and why; None where it may.

    ``olds`` and ``news`` are its properties before and after, of which `seal_type` and `migrate_from` (the
    type of the seal that Vault leaves, or empty) count. Asks the pods where it depends on them: a Vault whose
    pods find one seal in their configuration and another one in their storage doesn't start.
    """
    old_seal, old_from = str(olds.get("seal_type") or ""), str(olds.get("migrate_from") or "")
    new_seal, new_from = str(news["seal_type"]), str(news.get("migrate_from") or "")
    if not old_seal or (old_seal, old_from) == (new_seal, new_from):
        return None
    if not old_from:
        if new_seal == old_seal:
            return "migrate_from", f"Vault has seal {old_seal} already; remove migrateFrom"
        if new_from != old_seal:
            return "seal_type", (
                f"Vault has seal {old_seal}, which only a migration changes: set migrateFrom, with seal "
                f"{old_seal} and its settings in it (docs/seal-migration.md)"
            )
        return None
    access, replicas = PodAccess.from_properties(olds["access"]), int(olds["replicas"])
    if (new_seal, new_from) == (old_seal, ""):
        unfinished = unfinished_migration(access, replicas, old_seal)
        if unfinished is None:
            return None
        return "migrate_from", (
            f"Vault isn't wholly on seal {old_seal} yet ({unfinished}). Set migrateFrom back, and run: "
            "python -m components.seal_migration"
        )
    if (new_seal, new_from) == (old_from, ""):
        begun = begun_migration(access, replicas, old_seal)
        if begun is None:
            return None
        return "seal_type", (
            f"seal {old_from} can't simply be set back: {begun}. Finish this migration first; the way back "
            "is one of its own"
        )
    return "seal_type", (
        f"Vault is being migrated from seal {old_from} to {old_seal}: finish that first, or set seal "
        f"{old_from} back and remove migrateFrom"
    )


def completes_migration(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether this is the update that notes down that Vault has the new seal."""
    same_seal = olds.get("seal_type") == news["seal_type"]
    return same_seal and bool(olds.get("migrate_from")) and not news.get("migrate_from")


def record_after_change(record: KeyRecord, *, seal_type: str, seal_key: str) -> KeyRecord:
    """The keys once Vault has that seal: the same shares, which are of the new seal's kind now.

    Vault makes no new ones: Shamir's key shares go on as the recovery shares of a seal that unseals by
    itself, and the other way round. Of a record that is changed already it makes the same again.
    """
    recovery = seal_class(seal_type).unseals_itself
    return replace(
        record,
        seal_type=seal_type,
        seal_key=seal_key,
        recovery_shares=record.shares if recovery else (),
        key_shares=() if recovery else record.shares,
    )

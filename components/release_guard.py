"""Refuses updates of the release that a running Vault wouldn't survive: another storage or seal.

Both are lines of Vault's configuration, but changing the line migrates nothing. With another storage Vault
would start empty, and with another seal its pods wouldn't start at all. It is checked before the release,
even in the preview.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult

from components.stable_provider import StableProvider, StableResource
from components.vault.pod_access import PodAccess

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.settings import Settings

INPUTS = ("storage", "migrated_to", "seal_type", "migrate_from", "access", "replicas")
_MODES = {"raft": "ha", "file": "standalone"}


class ReleaseGuardProvider(StableProvider):
    """Records storage and seal, and refuses others unless they were migrated."""

    inputs = INPUTS

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse another storage than that of Vault's data, and another seal than Vault's storage has."""
        failures = []
        old, new = _olds.get("storage"), str(news["storage"])
        if old not in (None, new) and news["migrated_to"] != new:
            failures.append(CheckFailure("storage", _other_storage(str(old), new)))
        seal_problem = seal_change_problem(_olds, news)
        if seal_problem is not None:
            failures.append(CheckFailure(*seal_problem))
        return CheckResult(news, failures)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Record storage and seal."""
        return CreateResult("release-guard", self.input_values(props))


def _other_storage(old: str, new: str) -> str:
    return (
        f"Vault keeps its data in {old} storage here, and in mode {_MODES[new]} it would start with an empty "
        f"{new} storage. Nothing was changed. Set mode back to {_MODES[old]}; or move the data "
        f"with vault operator migrate, as docs/modes.md describes, and then set storageMigratedTo to {new}"
    )


class ReleaseGuard(StableResource, module="vault", name="ReleaseGuard"):
    """Storage and seal of this stack's Vault."""

    def __init__(
        self, name: str, settings: "Settings", access: PodAccess, opts: pulumi.ResourceOptions
    ) -> None:
        properties: dict[str, Any] = {
            "storage": settings.storage,
            "migrated_to": settings.storage_migrated_to or "",
            "seal_type": settings.seal.type,
            "migrate_from": settings.migrate_from.type if settings.migrate_from is not None else "",
            "access": access.to_properties(),
            "replicas": settings.replicas,
        }
        super().__init__(ReleaseGuardProvider(), name, properties, opts)


def seal_change_problem(olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the property of the init's resource that may not change so, and why; None if it may.

    ``olds`` and ``news`` are its properties before and after, of which `seal_type` and `migrate_from` (the
    type of the seal that Vault leaves, or empty) count. Asks the pods if the answer depends on them: a Vault
    whose pods find one seal in their configuration and another one in their storage doesn't start.
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
    # Imported where the pods are asked: hardly any preview asks them.
    from components.seal_migration.pods import begun_migration, unfinished_migration

    access, replicas = PodAccess.from_properties(olds["access"]), int(olds["replicas"])
    if (new_seal, new_from) == (old_seal, ""):
        unfinished = unfinished_migration(access, replicas, old_seal)
        if unfinished is None:
            return None
        return "migrate_from", (
            f"Vault isn't wholly on seal {old_seal} yet ({unfinished}). Set migrateFrom back, and run: "
            "python -m components migrate-seal"
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

"""Which storage Vault has, so that another one is refused before it comes up empty.

Vault's data don't follow a change of the setting `mode`: the pods would start on an empty storage.
"""

from typing import Any

from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, Resource, UpdateResult

from components.settings import Settings
from components.stable_provider import StableProvider

INPUTS = ("storage", "migrated_to")
_MODES = {"raft": "ha", "file": "standalone"}


class VaultStorageProvider(StableProvider):
    """Remembers the storage at creation, and refuses another one."""

    inputs = INPUTS

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuses another storage than the stack was deployed with, in the preview already."""
        old, new = _olds.get("storage"), news["storage"]
        if old in (None, new) or news["migrated_to"] == new:
            return CheckResult(news, [])
        return CheckResult(news, [CheckFailure("storage", _refusal(str(old), str(new)))])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Remembers it."""
        return CreateResult("vault-storage", {name: props[name] for name in INPUTS})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Takes over what ``check`` has let pass."""
        return UpdateResult({name: _news[name] for name in INPUTS})


def _refusal(old: str, new: str) -> str:
    return (
        f"Vault keeps its data in {old} storage here, and in mode {_MODES[new]} it would start with an empty "
        f"{new} storage. Nothing was changed. Set mode back to {_MODES[old]}; or move the data "
        f"with vault operator migrate, as docs/modes.md tells, and then set storageMigratedTo to {new}"
    )


class VaultStorage(Resource, module="vault", name="VaultStorage"):
    """The storage that this stack's Vault has."""

    def __init__(self, name: str, settings: Settings) -> None:
        properties = {"storage": settings.storage, "migrated_to": settings.storage_migrated_to or ""}
        super().__init__(VaultStorageProvider(), name, properties)

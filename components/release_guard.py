"""What an update of the release may not change on a Vault that runs: its storage and its seal.

Both are lines of Vault's configuration and yet nothing that a line changes. In another storage Vault would
start empty, and with another seal its pods wouldn't start at all. It is checked before the release, in the
preview already.
"""

from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, Resource, UpdateResult

from components.pod_access import PodAccess
from components.seal_change import seal_change_problem
from components.settings import Settings
from components.stable_provider import StableProvider

INPUTS = ("storage", "migrated_to", "seal_type", "migrate_from", "access", "replicas")
_MODES = {"raft": "ha", "file": "standalone"}


class ReleaseGuardProvider(StableProvider):
    """Remembers storage and seal, and refuses others unless they were migrated."""

    inputs = INPUTS

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuses another storage than Vault's data are in, and another seal than they are sealed with."""
        failures = []
        old, new = _olds.get("storage"), str(news["storage"])
        if old not in (None, new) and news["migrated_to"] != new:
            failures.append(CheckFailure("storage", _other_storage(str(old), new)))
        seal_problem = seal_change_problem(_olds, news)
        if seal_problem is not None:
            failures.append(CheckFailure(*seal_problem))
        return CheckResult(news, failures)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Remembers them."""
        return CreateResult("release-guard", {name: props[name] for name in INPUTS})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Takes over what ``check`` has let pass."""
        return UpdateResult({name: _news[name] for name in INPUTS})


def _other_storage(old: str, new: str) -> str:
    return (
        f"Vault keeps its data in {old} storage here, and in mode {_MODES[new]} it would start with an empty "
        f"{new} storage. Nothing was changed. Set mode back to {_MODES[old]}; or move the data "
        f"with vault operator migrate, as docs/modes.md tells, and then set storageMigratedTo to {new}"
    )


class ReleaseGuard(Resource, module="vault", name="ReleaseGuard"):
    """Storage and seal of this stack's Vault."""

    def __init__(
        self, name: str, settings: Settings, access: PodAccess, opts: pulumi.ResourceOptions
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

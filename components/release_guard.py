"""Refuses updates that a running Vault wouldn't survive: another storage, seal or key, an older version.

Storage, seal and key are lines of Vault's configuration, but changing the line migrates nothing. With another
storage Vault would start empty, and with another seal or key its pods wouldn't start or unseal. An older
Vault doesn't read what a newer one has written. It is checked before the release, even in the preview.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, UpdateResult

from components.errors import DeploymentError, RetryableError
from components.stable_provider import StableProvider, StableResource
from components.vault.pod_access import PodAccess

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.settings import Settings

INPUTS = (
    "storage",
    "migrated_to",
    "seal_type",
    "seal_key",
    "migrate_from",
    "migrate_from_key",
    "image",
    "volumes",
    "access",
    "replicas",
    "audited",
)
_MODES = {"raft": "ha", "file": "standalone"}


class ReleaseGuardProvider(StableProvider):
    """Records storage, seal and key, and refuses others unless they were migrated."""

    inputs = INPUTS

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse what the present Vault wouldn't survive, or Kubernetes would refuse in the middle of it."""
        failures = []
        old, new = _olds.get("storage"), str(news["storage"])
        if old not in (None, new) and news["migrated_to"] != new:
            failures.append(CheckFailure("storage", _other_storage(str(old), new)))
        if old is None and (taken := _taken_name(news)) is not None:
            failures.append(CheckFailure("release_name", taken))
        seal_problem = seal_change_problem(_olds, news) or key_change_problem(_olds, news)
        if seal_problem is not None:
            failures.append(CheckFailure(*seal_problem))
        if (unfit := _unfit_image(_olds, news)) is not None:
            failures.append(CheckFailure("image", unfit))
        if (
            _olds
            and _olds.get("volumes") != news.get("volumes")
            and (fixed := _other_volumes(news)) is not None
        ):
            failures.append(CheckFailure("volumes", fixed))
        return CheckResult(news, failures)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Record storage, seal and key."""
        return CreateResult("release-guard", self.input_values(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Record them again; what isn't asked for any more is forgotten, as there are no other outputs."""
        return UpdateResult(self.input_values(_news))

    def input_values(self, props: Mapping[str, Any]) -> dict[str, Any]:
        """Return the compared properties that there are."""
        return {name: props[name] for name in self.inputs if name in props}

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Say how a later stack uses the seal's key again: the state that names it is about to go."""
        # States of earlier versions have no key.
        if key := _props.get("seal_key"):
            # Imported where it is needed: a seal's module takes longer than a check.
            from components.progress import say
            from components.seals.seal import seal_class

            if hint := seal_class(str(_props["seal_type"])).reuse_of_key(str(key)):
                say(hint)


def _taken_name(news: Mapping[str, Any]) -> str | None:
    """Return why the release can't be installed under its name, as far as it can be seen now."""
    release_name = news.get("release_name")
    # Not for a release that this program doesn't install.
    if not release_name:
        return None
    # As in delete.
    from components.kubernetes.cluster_wide_names import taken_name
    from components.progress import say

    access = PodAccess.from_properties(news["access"])
    try:
        taken = taken_name(access.target, access.statefulset, str(release_name))
    except DeploymentError as error:
        say(f"Whether another Vault of this cluster has the release's names can't be seen: {error}")
        return None
    if taken is None:
        return None
    return (
        f"{taken}, and the chart names it after the release. Nothing was changed. Give this Vault a release "
        f"name of its own: pulumi config set releaseName {_other_name(access.target.namespace, release_name)}"
    )


def _other_name(namespace: str, release_name: str) -> str:
    """Return a release name that is the namespace's, within the chart's limit of 38 characters."""
    name = namespace if "vault" in namespace else f"vault-{namespace}"
    name = f"{name}-2" if name == release_name else name
    return name[:38].rstrip("-")


def _other_storage(old: str, new: str) -> str:
    return (
        f"Vault keeps its data in {old} storage here, and in mode {_MODES[new]} it would start with an empty "
        f"{new} storage. Nothing was changed. Set mode back to {_MODES[old]}; or move the data "
        f"with vault operator migrate, as docs/modes.md describes, and then set storageMigratedTo to {new}"
    )


def _unfit_image(olds: Mapping[str, Any], news: Mapping[str, Any]) -> str | None:
    """Return why Vault can't have that image; None if it has it already, or may."""
    if olds.get("image") == news.get("image"):
        return None
    # As in delete.
    from components.progress import say
    from components.rollout.versions import downgrade
    from components.settings.vault_version import failing_image

    # States of earlier versions have none: their Vault may run with the very image.
    if (not olds or "image" in olds) and (failing := failing_image(str(news["image"]).rpartition(":")[2])):
        return failing
    if not olds:
        return None
    access = PodAccess.from_properties(news["access"])
    try:
        return downgrade(access, int(news["replicas"]), str(news["image"]))
    except RetryableError as error:
        say(f"Which version of Vault runs can't be seen: {error}")
    return None


def _other_volumes(news: Mapping[str, Any]) -> str | None:
    """Return why the StatefulSet can't have these volumes; None if it has them, or doesn't exist."""
    # As in delete.
    from components.progress import say
    from components.rollout.volumes import changed_volume

    access = PodAccess.from_properties(news["access"])
    try:
        return changed_volume(access, news["volumes"])
    except DeploymentError as error:
        say(f"Whether Kubernetes takes these volumes can't be seen: {error}")
    return None


class ReleaseGuard(StableResource, module="vault", name="ReleaseGuard"):
    """Storage, seal and key of this stack's Vault."""

    def __init__(
        self,
        name: str,
        settings: "Settings",
        access: PodAccess,
        opts: pulumi.ResourceOptions,
        seal_key: pulumi.Input[str],
        migrate_from_key: pulumi.Input[str],
    ) -> None:
        # As in delete.
        from components.rollout.volumes import wanted_volumes

        properties: dict[str, Any] = {
            "storage": settings.storage,
            "migrated_to": settings.storage_migrated_to or "",
            "seal_type": settings.seal.type,
            "seal_key": seal_key,
            "migrate_from": settings.migrate_from.type if settings.migrate_from is not None else "",
            "migrate_from_key": migrate_from_key,
            "image": settings.image.name,
            "volumes": wanted_volumes(settings),
            "access": access.to_properties(),
            "replicas": settings.replicas,
            # By it a later run knows that the stack isn't of a version that enabled no audit device; absent
            # from one that is, so that its update shows nothing.
            **({"audited": True} if settings.audit.devices else {}),
            # Not compared: it matters before the first installation only, and if the stack installs it.
            "release_name": settings.release_name if settings.release != "others" else "",
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


def key_change_problem(olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the property whose key may not change so, and why; None if it may, or isn't known yet.

    The key of a seal may change until Vault has it: before the init, and before a migration to that seal has
    reached the storage. Asks the pods if a key differs. States of earlier versions have none.
    """
    before = {seal_type: key for seal_type, _, key in _keys(olds)}
    for seal_type, name, new in _keys(news):
        old = before.get(seal_type)
        # In a preview a key that is still to be created is no text.
        if not old or not isinstance(new, str) or _is_same_key(seal_type, str(old), new):
            continue
        why = _seals_vault(olds, seal_type)
        if why is not None:
            return name, (
                f"Vault is sealed with the key {old}, and now it would be {new}. Nothing was changed: {why}. "
                "Nothing else opens what a key has sealed, so set it back. Another key takes two migrations, "
                "to another seal and from there to the new key (docs/seal-migration.md)"
            )
    return None


def _is_same_key(seal_type: str, old: str, new: str) -> bool:
    if old == new:
        return True
    # As in delete.
    from components.seals.seal import seal_class

    return seal_class(seal_type).same_key(old, new)


def _keys(properties: Mapping[str, Any]) -> Sequence[tuple[str, str, Any]]:
    """Return type, property and key of each seal in the configuration."""
    return [
        (str(properties[of_type]), name, properties.get(name))
        for of_type, name in (("seal_type", "seal_key"), ("migrate_from", "migrate_from_key"))
        if properties.get(of_type)
    ]


def _seals_vault(olds: Mapping[str, Any], seal_type: str) -> str | None:
    """Return why the key of that seal counts as used; None if nothing is sealed with it."""
    access, replicas = PodAccess.from_properties(olds["access"]), int(olds["replicas"])
    if olds.get("migrate_from") and olds["seal_type"] == seal_type:
        from components.seal_migration.pods import begun_migration

        return begun_migration(access, replicas, seal_type)
    from components.vault.stateful_set import StatefulSetError, ask_servers, find_servers

    unknown = (
        "Let it run, so that it can be asked; or, if no Vault was ever initialised here, delete the "
        "StatefulSet with its pods and volumes yourself, as pulumi up deletes none"
    )
    try:
        servers = ask_servers(access, find_servers(access))
    except StatefulSetError as error:
        return f"whether Vault is initialised can't be seen ({error}). {unknown}"
    initialized = [server.server.name for server in servers if server.initialized]
    if initialized:
        return f"{', '.join(initialized)} is initialised"
    for server in servers:
        if server.problem and server.server.data_since is not None:
            return f"whether {server.server.name} is initialised can't be seen ({server.problem}). {unknown}"
    return None

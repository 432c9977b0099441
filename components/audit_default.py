"""Decides whether a stack whose settings name no audit devices has some: one that began with them does.

A stack of a version that enabled none gets none by an update of the program: its pods would be replaced for
the rotation of the log, and its Vault would write what nobody expects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import pulumi

from components.errors import SettingsError
from components.resource_types import RELEASE, RELEASE_GUARD
from components.settings import Settings
from components.stack_state import recorded_outputs_of
from components.vault.audit_devices import LOG_FILE
from components.vault.server_watch import rotates


def with_audit_default(settings: Settings) -> Settings:
    """Return the settings with the audit devices that this stack has; report if the stack enables none.

    Raises :class:`DeploymentError` if the engine doesn't tell what the state records, and
    :class:`SettingsError` if the audit volume isn't mounted where the log goes.
    """
    audit = settings.audit
    if audit.given:
        if not audit.devices:
            pulumi.log.info(
                "This stack enables no audit device (audit.devices is empty). Vault keeps those that it has, "
                "and without any nobody can tell later who asked it for what."
            )
        return _with_mounted_volume(settings)
    if not _began_audited(adopts=settings.init.adopt):
        pulumi.log.warn(_none_enabled(audit.default_devices))
        return settings
    return _with_mounted_volume(replace(settings, audit=replace(audit, devices=audit.default_devices)))


def _with_mounted_volume(settings: Settings) -> Settings:
    """Return the settings; raise :class:`SettingsError` if the file would be written beside its volume."""
    folder = str(PurePosixPath(LOG_FILE).parent)
    server = settings.chart.values.get("server")
    storage = server.get("auditStorage") if isinstance(server, Mapping) else None
    mounted = storage.get("mountPath", folder) if isinstance(storage, Mapping) else folder
    if settings.audit.to_file and mounted != folder:
        raise SettingsError(
            [
                f"chart.values.server.auditStorage.mountPath is {mounted}: Vault's audit log is in {folder}; "
                "remove it, or set audit.devices to [stdout]"
            ]
        )
    return settings


def _none_enabled(devices: Sequence[str]) -> str:
    commands = " and ".join(
        f"pulumi config set --path 'audit.devices[{index}]' {device}" for index, device in enumerate(devices)
    )
    rolls = ", which then replaces Vault's pods one by one" if "file" in devices else ""
    return (
        "This stack enables no audit device: its Vault is adopted, or of a version that enabled none, and "
        f"keeps those that people have enabled. To have requests audited, run {commands}, and pulumi up"
        f"{rolls} (docs/audit.md#a-stack-of-an-earlier-version)."
    )


def _began_audited(*, adopts: bool) -> bool:
    """Return whether this stack's Vault is a new one, or has got audit devices from it already."""
    recorded = recorded_outputs_of(RELEASE_GUARD, RELEASE)
    # A first run that was interrupted has created it before anything of Vault.
    if guards := recorded[RELEASE_GUARD]:
        return any(guard.get("audited") for guard in guards.values())
    # Without it the stack is new, or its release was imported after the state was lost.
    if releases := recorded[RELEASE]:
        return all(rotates(release.get("values")) for release in releases.values())
    return not adopts

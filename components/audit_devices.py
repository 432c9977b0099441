"""Enables Vault's audit devices once the voters are verified, and proves that an entry reaches each of them.

The root token may be revoked after that, so this comes before. Nothing here disables a device in silence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, UpdateResult

from components.awaits_release import awaits_release
from components.errors import DeploymentError
from components.progress import say
from components.stable_provider import StableProvider, StableResource, is_known_text
from components.vault.pod_access import PodAccess, pods_identity

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.operator_init import OperatorInit
    from components.pod_rollout import PodRollout
    from components.raft_quorum import RaftQuorum
    from components.settings import Settings
    from components.vault_release import VaultRelease

INPUTS = (
    "access",
    "deployment",
    "custody",
    "replicas",
    "devices",
    "token",
    "root_token",
    "release_revision",
    "running",
)
OUTPUTS = ("enabled", "problem")


@awaits_release(pods_identity, enabled=[], problem="")
class AuditDevicesProvider(StableProvider):
    """Enables devices at creation, and verifies them again whenever the release or the pods have changed."""

    inputs = INPUTS

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Return a change also if Vault lacks a device by now; say which, and which will be disabled."""
        difference = super().diff(_id, _olds, _news)
        difference.changes = difference.changes or _has_drifted(_olds, _news)
        for device in _removed(_olds, _news["devices"]) if difference.changes else ():
            say(f"Vault's audit device {device} will be disabled, as audit.devices has it no more")
        return difference

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Enable the devices; raise :class:`DeploymentError` if one can't be, or no entry reaches it."""
        return CreateResult(pods_identity(props), self._audited({}, props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Enable what is missing, disable what the settings no longer have, and verify all as at creation."""
        return UpdateResult(self._audited(_olds, _news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return which devices Vault has now, or what is known if it can't be asked."""
        try:
            lacking = _lacking(props, _all_tokens(props))
        except DeploymentError as error:
            say(f"Vault's audit devices can't be looked at, those of the last update are kept: {error}")
            return ReadResult(id_, props)
        if lacking is None:
            return ReadResult(id_, props)
        enabled = [device for device in props["devices"] if device not in lacking]
        return ReadResult(id_, {**props, "enabled": enabled, "problem": ""})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Leave the devices in Vault: the end of a stack doesn't end the auditing."""
        if devices := ", ".join(_props.get("enabled") or ()):
            say(
                f"Vault's audit devices stay enabled, and nobody looks after them any more: {devices}. "
                "Disable them yourself if that is meant (docs/audit.md#no-longer)"
            )

    def _audited(self, olds: Mapping[str, Any], props: dict[str, Any]) -> dict[str, Any]:
        # Imported where Vault is asked: most runs of this provider compare its inputs, and no more.
        from components.vault.audit_setup import AuditSetup

        found = AuditSetup(
            access=PodAccess.from_properties(props["access"]),
            replicas=int(props["replicas"]),
            devices=tuple(props["devices"]),
            removed=_removed(olds, props["devices"]),
            tokens=lambda: _all_tokens(props),
        ).run()
        return {**self.input_values(props), "enabled": list(found.enabled), "problem": found.problem}


def _removed(olds: Mapping[str, Any], devices: Sequence[str]) -> Sequence[str]:
    """Return the devices that this resource had enabled, and that the settings no longer have."""
    return [device for device in olds.get("enabled") or () if device not in devices]


def _has_drifted(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Return whether Vault lacks a device, as far as a token at hand shows it; say which.

    The store of the keys isn't read for that: a preview has no need of the root token.
    """
    known_lacking = set(news["devices"]) - set(olds.get("enabled") or ())
    if known_lacking and not olds.get("problem"):
        return True
    token = news["token"] or (news["root_token"] if news.get("root_token_stays") else "")
    if not is_known_text(token):
        return False
    try:
        lacking = _lacking(news, [token])
    except DeploymentError as error:
        say(f"Whether Vault's audit devices are still enabled can't be seen: {error}")
        return False
    if lacking is None:
        say(
            "Whether Vault's audit devices are still enabled can't be seen: the token may not read sys/audit "
            "(docs/audit.md#the-token)"
        )
        return False
    if lacking and not known_lacking:
        say(
            f"Vault's audit device {' and '.join(lacking)} isn't as this stack has enabled it any more; "
            "pulumi up enables it again"
        )
    # A problem that is known was that no token might change anything, and this one may.
    return bool(lacking or olds.get("problem"))


def _lacking(props: Mapping[str, Any], tokens: Sequence[str]) -> Sequence[str] | None:
    """Return the devices that Vault doesn't have as they should be; None if no token may ask.

    Raises :class:`RetryableError` and :class:`VaultRefusedError`.
    """
    # As in _audited.
    from components.vault.audit_devices import device_for, listed_devices
    from components.vault.audit_setup import with_valid_token

    with PodAccess.from_properties(props["access"]).reach(0) as server:
        client = with_valid_token(server, tokens)
        if client is None:
            return None
        present = listed_devices(client)
    found = {name: device_for(name, present) for name in props["devices"]}
    return [name for name, device in found.items() if device is None or device.unfit]


def _all_tokens(props: Mapping[str, Any]) -> Sequence[str]:
    """Return the tokens that may be allowed to enable devices: that of the settings, then the root token.

    Raises :class:`KeyStoreError`.
    """
    from components.custody.key_custody import KeyCustody

    access = PodAccess.from_properties(props["access"])
    custody = KeyCustody.from_properties(props["custody"], access.target, str(props["deployment"]))
    root_token = custody.root_token(in_state=str(props["root_token"]))
    return [token for token in (str(props["token"]), root_token) if token]


class AuditDevices(StableResource, module="vault", name="AuditDevices"):
    """Audit devices that write."""

    enabled: pulumi.Output[Sequence[str]]
    """Devices of the settings that an entry has reached."""
    problem: pulumi.Output[str]
    """Why Vault doesn't audit as the settings say; empty if it does."""

    def __init__(
        self,
        name: str,
        *,
        settings: "Settings",
        release: "VaultRelease",
        init: "OperatorInit",
        rollout: "PodRollout",
        opts: pulumi.ResourceOptions,
    ) -> None:
        init_settings = settings.init
        properties: dict[str, Any] = {
            "access": release.access.to_properties(),
            "deployment": init.deployment,
            "custody": settings.custody.to_properties(),
            "replicas": settings.replicas,
            "devices": list(settings.audit.devices),
            "token": settings.token if settings.token is not None else "",
            # Encrypted to its holder it is no token here.
            "root_token": "" if init_settings.root_token_pgp_key else init.root_token,
            # Not compared: whether a preview may expect that token to be valid.
            "root_token_stays": not init_settings.revoke_root_token,
            # After any change of the release or the pods another one may lead, with another volume.
            "release_revision": release.revision,
            "running": rollout.running,
            **release.awaiting,
            **dict.fromkeys(OUTPUTS),
        }
        super().__init__(
            AuditDevicesProvider(), name, properties, opts, secret_outputs=["token", "root_token"]
        )


@dataclass(frozen=True)
class EnabledAudit:
    """The devices that the stack has enabled."""

    resource: AuditDevices | None
    """None if it enables no device."""
    outputs: Mapping[str, pulumi.Input[Any]]
    """Stack outputs: the devices, and why they aren't those of the settings."""


def enable_audit_devices(
    settings: "Settings",
    release: "VaultRelease",
    init: "OperatorInit",
    rollout: "PodRollout",
    quorum: "RaftQuorum",
) -> EnabledAudit:
    """Enable the devices of the settings, and warn if that isn't possible."""
    if not settings.audit.devices:
        return EnabledAudit(None, {"audit_devices": [], "audit_problem": ""})
    devices = AuditDevices(
        "audit-devices",
        settings=settings,
        release=release,
        init=init,
        rollout=rollout,
        opts=pulumi.ResourceOptions(depends_on=[quorum]),
    )
    devices.problem.apply(_warn)
    return EnabledAudit(devices, {"audit_devices": devices.enabled, "audit_problem": devices.problem})


def _warn(problem: str | None) -> None:
    if problem:
        pulumi.log.warn(problem)

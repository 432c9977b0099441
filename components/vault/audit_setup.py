"""Brings Vault's audit devices to what a stack's settings have, and verifies that each of them writes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from components.errors import DeploymentError, RetryableError
from components.progress import Waiting, say
from components.vault.audit_devices import (
    LOG_FILE,
    AuditDevice,
    device_for,
    disable_device,
    enable_device,
    listed_devices,
    other_devices,
)
from components.vault.audit_probe import audited, leading_pod
from components.vault.client import VaultClient, VaultForbiddenError, VaultRefusedError
from components.vault.diagnostics import with_pod_problems
from components.vault.pod_access import PodAccess

_SECONDS = 60

_FIRST = ("stdout", "file")
"""The order in which devices are enabled. The file alone, on a volume that is full but for a last page, would
take the entry by which Vault tries it, and then Vault would refuse every request, the next device as well."""

_ADVICE = {
    "file": "see whether the audit volume is full or missing, with kubectl exec {pod} -- df -h /vault/audit",
    "stdout": "see whether kubectl logs {pod} shows the log of Vault's container",
}

_AGAIN = (
    "Run pulumi up again once that is fixed (docs/audit.md#trouble). This run hasn't revoked the root token."
)


class AuditDeviceError(DeploymentError):
    """A device can't be enabled, or isn't one that may stay as it is."""


class EntryMissingError(RetryableError):
    """No entry has reached a device yet."""


@dataclass(frozen=True)
class AuditResult:
    """The devices that Vault audits to."""

    enabled: Sequence[str]
    """Devices of the settings that an entry has reached."""
    problem: str
    """Why the others aren't enabled; empty if there are none."""


@dataclass(frozen=True)
class AuditSetup:
    """The devices of a stack and the way to its Vault."""

    access: PodAccess
    replicas: int
    devices: Sequence[str]
    """Devices of the settings."""
    removed: Sequence[str]
    """Devices that the stack had enabled, and that the settings no longer have."""
    tokens: Callable[[], Sequence[str]]
    """Returns the tokens that may be allowed to enable a device, in the order in which they are tried."""

    def run(self) -> AuditResult:
        """Enable what is missing, verify all, and then disable what was removed.

        Raises :class:`DeploymentError` with what to do if a device can't be enabled or doesn't write. That no
        token is allowed to enable one is no error, but a problem in the result: a Vault whose root token is
        gone has none to give.
        """
        tokens = self.tokens()
        try:
            return Waiting("Waiting for the audit devices", _SECONDS).until(
                lambda: self._attempt(tokens),
                RetryableError,
                state=lambda error: with_pod_problems(self.access, str(error), "; "),
                timeout_message=lambda error: (
                    "Vault's audit devices couldn't be verified: "
                    f"{with_pod_problems(self.access, str(error))}\n{_AGAIN}"
                ),
            )
        except VaultRefusedError as error:
            raise AuditDeviceError(
                f"Vault refuses what its audit devices need: {error}. The token needs the rights in "
                "docs/audit.md#the-token."
            ) from None

    def _attempt(self, tokens: Sequence[str]) -> AuditResult:
        with leading_pod(self.access, self.replicas) as (ordinal, server):
            client = with_valid_token(server, tokens)
            if client is None:
                return self._without_token(server, ordinal)
            self._enable(client)
            self._verify(client, ordinal)
            self._disable(client)
        return AuditResult(enabled=self.devices, problem="")

    def _without_token(self, server: VaultClient, ordinal: int) -> AuditResult:
        """Return what can be seen of the devices without a token: whether an entry reaches them."""
        reached = audited(server, self.access, ordinal, (*self.devices, *self.removed))
        missing = [device for device in self.devices if device not in reached]
        kept = [device for device in self.removed if device in reached]
        problems = []
        if missing:
            problems.append(f"nothing is audited to {' and '.join(missing)}")
        if kept:
            problems.append(f"{' and '.join(kept)} is still enabled")
        if not problems:
            return AuditResult(enabled=self.devices, problem="")
        return AuditResult(
            enabled=[device for device in (*self.devices, *self.removed) if device in reached],
            problem=(
                f"Vault's audit devices aren't those of the settings: {'; '.join(problems)}, and there is no "
                "valid token here that may change it. Set one: docs/audit.md#the-token says how, also if the "
                "root token is revoked."
            ),
        )

    def _enable(self, client: VaultClient) -> None:
        present = listed_devices(client)
        refused = []
        for name in sorted(self.devices, key=_FIRST.index):
            found = device_for(name, present)
            if found is not None:
                _require_fit(found)
                continue
            try:
                path = enable_device(client, name, present)
            except VaultForbiddenError:
                raise
            except VaultRefusedError as error:
                # The other one is enabled all the same.
                refused.append(f"{name}: {error}")
            else:
                where = "the log of its pods" if name == "stdout" else LOG_FILE
                say(f"Vault's audit device {path} is enabled: it writes to {where}")
        if refused:
            raise AuditDeviceError(
                f"Vault doesn't enable these audit devices: {'; '.join(refused)}. {_AGAIN}"
            )
        if others := other_devices(present):
            say(
                "Vault has further audit devices, which stay as they are: "
                + ", ".join(f"{device.path} ({device.target or device.type})" for device in others)
            )

    def _verify(self, client: VaultClient, ordinal: int) -> None:
        reached = audited(client, self.access, ordinal, self.devices)
        missing = [device for device in self.devices if device not in reached]
        if missing:
            pod = self.access.pod(ordinal)
            advice = "; ".join(_ADVICE[device].format(pod=pod) for device in missing)
            raise EntryMissingError(
                f"no entry of {pod} arrives at {' and '.join(missing)}, though Vault has it enabled: {advice}"
            )

    def _disable(self, client: VaultClient) -> None:
        present = listed_devices(client) if self.removed else ()
        for name in self.removed:
            if (device := device_for(name, present)) is not None:
                disable_device(client, device)
                say(f"Vault's audit device {device.path} is disabled, as audit.devices has {name} no more")


def with_valid_token(server: VaultClient, tokens: Sequence[str]) -> VaultClient | None:
    """Return a client with the first of the tokens that may list audit devices; None if none may."""
    for token in tokens:
        client = server.with_token(token)
        try:
            listed_devices(client)
        except VaultForbiddenError:
            continue
        return client
    return None


def _require_fit(device: AuditDevice) -> None:
    """Raise :class:`AuditDeviceError` if the device mustn't count as the stack's."""
    if device.unfit:
        raise AuditDeviceError(
            f"Vault's audit device {device.path} writes to {device.target}, and {device.unfit}: somebody has "
            "enabled it so. It was left as it is, as nothing may disable auditing unasked. Disable it (vault "
            f"audit disable {device.path}), and run pulumi up again, which enables it as it should be."
        )

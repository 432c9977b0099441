"""Lists, enables and disables Vault's audit devices, and tells whether they are as a stack wants them.

A device is known by where it writes, not by its path in Vault: people give it any.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.vault.client import VaultClient

LOG_FILE = "/vault/audit/audit.log"
"""On the audit volume itself: a folder would get the file's mode, and nothing could be written in it."""

_TARGETS: Mapping[str, str] = {"file": LOG_FILE, "stdout": "stdout"}
"""Where the devices of the settings write (option `file_path` of Vault's type `file`)."""
_OPTIONS: Mapping[str, str] = {"log_raw": "false", "hmac_accessor": "true", "elide_list_responses": "true"}
_TRUE = ("1", "t", "T", "true", "True", "TRUE")
_FALSE = ("0", "f", "false")
_REVEALING: Mapping[str, bool] = {"log_raw": True, "hmac_accessor": False}
"""Values of options with which entries have secrets or accessors in plain text."""
_PARTIAL = ("filter", "exclude", "fallback")
"""Options (of Vault Enterprise) that leave out entries, or a part of each; the last keeps those alone that no
other device has taken."""
_ENDPOINT = "sys/audit"


@dataclass(frozen=True)
class AuditDevice:
    """An audit device as Vault has it."""

    path: str
    """Path in Vault, without the slash at its end."""
    type: str
    options: Mapping[str, str]

    @property
    def target(self) -> str:
        """Where a device of the type `file` writes; empty for any other."""
        if self.type != "file":
            return ""
        given = self.options.get("file_path") or self.options.get("path") or ""
        return given.lower() if given.lower() == "stdout" else given

    @property
    def unfit(self) -> str:
        """Why it doesn't count as one of a stack's, though it writes there; empty if it does."""
        for option, bad in _REVEALING.items():
            if option in self.options and (self.options[option] in _TRUE) is bad:
                return f"its option {option} is {self.options[option]}"
        partial = [name for name in _PARTIAL if self.options.get(name, "").lower() not in ("", *_FALSE)]
        return f"it has the option {partial[0]}" if partial else ""


def listed_devices(client: VaultClient) -> Sequence[AuditDevice]:
    """Return Vault's audit devices; needs a token with sudo and read on `sys/audit`."""
    answer = client.request("GET", _ENDPOINT)
    # Vault repeats the entries beside `data`.
    devices: Mapping[str, Mapping[str, object]] = answer.get("data") or {}
    return [
        AuditDevice(
            path=path.rstrip("/"),
            type=str(device["type"]),
            options={str(name): str(value) for name, value in _mapping(device.get("options")).items()},
        )
        for path, device in sorted(devices.items())
    ]


def device_for(name: str, present: Sequence[AuditDevice]) -> AuditDevice | None:
    """Return the device that writes where the settings' device ``name`` does; None if there is none.

    Of several one that :attr:`AuditDevice.unfit` finds nothing wrong with.
    """
    found = [device for device in present if device.target == _TARGETS[name]]
    return min(found, key=lambda device: bool(device.unfit), default=None)


def other_devices(present: Sequence[AuditDevice]) -> Sequence[AuditDevice]:
    """Return the devices that write elsewhere than any of the settings does."""
    return [device for device in present if device.target not in _TARGETS.values()]


def enable_device(client: VaultClient, name: str, present: Sequence[AuditDevice]) -> str:
    """Enable the settings' device ``name``, and return its path; needs sudo and update on `sys/audit/*`.

    If people have another device at the path that it usually has, it takes another one. Vault writes an entry
    into it first, and refuses one that it can't write to.
    """
    taken = {device.path for device in present}
    further = (f"vault-autounseal-{name}-{number}" for number in itertools.count(1))
    path = next(path for path in itertools.chain([name], further) if path not in taken)
    client.request(
        "PUT",
        f"{_ENDPOINT}/{path}",
        {
            "type": "file",
            "description": "Enabled by vault-autounseal",
            "options": {"file_path": _TARGETS[name], **_OPTIONS},
        },
    )
    return path


def disable_device(client: VaultClient, device: AuditDevice) -> None:
    """Disable a device; what it has written stays. Needs sudo and delete on `sys/audit/*`."""
    client.request("DELETE", f"{_ENDPOINT}/{device.path}")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}

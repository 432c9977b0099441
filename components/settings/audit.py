"""Settings of Vault's audit devices, and of how their file is rotated."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from components.config.patterns import QUANTITY
from components.config.quantity import quantity_bytes
from components.config.reader import ConfigReader

Device = Literal["file", "stdout"]
DEVICES: Sequence[Device] = ("file", "stdout")
"""A file on the audit volume, and the log of Vault's container."""

_SIZE_BYTES = 100 * 1024**2
_SHARE_OF_VOLUME = Decimal("0.8")
"""What the log and the files that it was rotated to may take of the audit volume."""


@dataclass(frozen=True)
class RotationSettings:
    """When the file is rotated, and how many rotated files stay."""

    size_bytes: int = _SIZE_BYTES
    """Size of the file, in bytes, from which on it is rotated."""
    keep: int = 20
    """Number of rotated files that stay."""


@dataclass(frozen=True)
class AuditSettings:
    """The devices to which Vault writes an entry for each request and each answer."""

    devices: Sequence[Device] = ()
    """Empty if the stack enables none."""
    default_devices: Sequence[Device] = ()
    """Those of a stack whose settings name none, if it is one that audits by default."""
    given: bool = True
    """Whether the settings name the devices."""
    rotation: RotationSettings = field(default_factory=RotationSettings)
    """Of the device ``file``."""
    volume_bytes: int = 0
    """Size of the audit volume in bytes; 0 without one."""

    @property
    def to_file(self) -> bool:
        """Whether Vault writes to a file, which has to be rotated."""
        return "file" in self.devices


def read_audit(reader: ConfigReader, *, volume: str | None) -> AuditSettings:
    """Read the section `audit`, for an audit volume of that size; None if there is no such volume."""
    default: Sequence[Device] = DEVICES if volume is not None else ("stdout",)
    given = reader.has("devices")
    devices = _devices(reader)
    fail_closed = reader.flag("failClosed", False)
    if "file" in devices and volume is None:
        reader.report("devices", "the device file needs the audit volume; set auditStorage.enabled to true")
    elif devices == ("file",) and not fail_closed:
        reader.report(
            "devices",
            "with the file alone Vault refuses every request once its volume is full, and doesn't become "
            "active after a restart without it; add stdout, or set audit.failClosed to true if that is meant",
        )
    if fail_closed and devices != ("file",):
        reader.report("failClosed", "it only counts with devices: [file]; remove it")
    size = volume_bytes(volume) if volume is not None else 0
    settings = AuditSettings(
        devices=devices,
        default_devices=() if given else default,
        given=given,
        rotation=_rotation(reader, size, to_file="file" in (devices if given else default)),
        volume_bytes=size,
    )
    reader.unknown_keys()
    return settings


def volume_bytes(quantity: str) -> int:
    """Return the size of a volume in bytes; 0 if it was reported as wrong already."""
    found = quantity_bytes(quantity)
    return int(found) if found is not None else 0


def _devices(reader: ConfigReader) -> Sequence[Device]:
    fix = "give a list of file and stdout, or an empty one"
    named = reader.texts("devices", fix)
    if not set(named) <= set(DEVICES) or len(set(named)) != len(named):
        reader.report("devices", fix)
    return tuple(device for device in DEVICES if device in named)


def _rotation(reader: ConfigReader, volume: int, *, to_file: bool) -> RotationSettings:
    if not to_file:
        reader.not_applicable(("rotate",), "nothing is rotated without the device file; remove it")
        return RotationSettings()
    rotate = reader.section("rotate")
    keep = rotate.integer("keep", 20, range(1, 1001), "keep 1 to 1000 rotated files")
    room = int(volume * _SHARE_OF_VOLUME) // (keep + 1)
    size = rotate.text("size", None, QUANTITY, "give a Kubernetes quantity, such as 100Mi")
    rotate.unknown_keys()
    # Of a small volume the default takes less.
    bytes_ = volume_bytes(size) if size is not None else max(1, min(_SIZE_BYTES, room))
    if size is not None and volume and not 0 < bytes_ <= room:
        rotate.report(
            "size",
            f"the log and the {keep} rotated files may take four fifths of the audit volume, so it can be at "
            f"most {room // 1024**2}Mi; set a smaller size or rotate.keep",
        )
    return RotationSettings(size_bytes=bytes_, keep=keep)

"""Key rings, crypto keys and their versions, as they are kept: the states, and what may follow on which.

https://cloud.google.com/kms/docs/key-states; https://cloud.google.com/kms/docs/key-rotation.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.google.accounts import timestamp
from sandbox.google.api_errors import GoogleError, JsonObject, not_implemented

SHORTEST_ROTATION = timedelta(days=1)
LONGEST_ROTATION = timedelta(hours=876_000)
SHORTEST_DESTRUCTION = timedelta(days=1)
LONGEST_DESTRUCTION = timedelta(days=120)
DEFAULT_DESTRUCTION = timedelta(days=30)
ENABLED, DISABLED = "ENABLED", "DISABLED"
DESTROY_SCHEDULED, DESTROYED = "DESTROY_SCHEDULED", "DESTROYED"
_ID = re.compile(r"[a-zA-Z0-9_-]{1,63}")
_ALGORITHM = "GOOGLE_SYMMETRIC_ENCRYPTION"
_PERIOD = re.compile(r"(\d+)(?:\.\d{1,9})?s")


@dataclass
class KeyVersion:
    """A version of a key: its material, until it is destroyed."""

    name: str
    created: datetime
    state: str = ENABLED
    destroy_time: datetime | None = None
    destroyed: datetime | None = None
    material: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def number(self) -> int:
        """Counted from 1 in each key."""
        return int(self.name.rpartition("/")[2])

    def require_enabled(self) -> None:
        """Raise GoogleError (FAILED_PRECONDITION) if it can't be used."""
        if self.state != ENABLED:
            raise GoogleError(
                "FAILED_PRECONDITION",
                f"{self.name} is not enabled, current state is: {self.state}.",
                reason="KEY_DISABLED" if self.state == DISABLED else "KEY_DESTROYED",
                domain="cloudkms.googleapis.com",
            )

    def set_state(self, state: str) -> None:
        """Enable or disables it, as a PATCH of its state does; nothing else is a PATCH's business."""
        if state not in (ENABLED, DISABLED):
            raise GoogleError(
                "INVALID_ARGUMENT", f"CryptoKeyVersion.state can't be set to {state} with an update."
            )
        self._require_state(ENABLED, DISABLED)
        self.state = state

    def schedule_destruction(self, now: datetime, delay: timedelta) -> None:
        """End its use now, and its material after the delay."""
        self._require_state(ENABLED, DISABLED)
        self.state, self.destroy_time = DESTROY_SCHEDULED, now + delay

    def restore(self) -> None:
        """Take a scheduled destruction back; the version is disabled then."""
        self._require_state(DESTROY_SCHEDULED)
        self.state, self.destroy_time = DISABLED, None

    def catch_up(self, now: datetime) -> None:
        """Destroy the material when its time has come."""
        if self.state == DESTROY_SCHEDULED and self.destroy_time is not None and self.destroy_time <= now:
            self.state, self.destroyed, self.destroy_time = DESTROYED, self.destroy_time, None
            self.material = b""

    def to_json(self) -> JsonObject:
        """As the API answers with it."""
        answer: JsonObject = {
            "name": self.name,
            "state": self.state,
            "protectionLevel": "SOFTWARE",
            "algorithm": _ALGORITHM,
            "createTime": timestamp(self.created),
            "generateTime": timestamp(self.created),
        }
        if self.destroy_time is not None:
            answer["destroyTime"] = timestamp(self.destroy_time)
        if self.destroyed is not None:
            answer["destroyEventTime"] = timestamp(self.destroyed)
        return answer

    def _require_state(self, *states: str) -> None:
        if self.state not in states:
            raise GoogleError(
                "FAILED_PRECONDITION",
                f"{self.name} has to be {' or '.join(states)}, current state is: {self.state}.",
            )


@dataclass
class CryptoKey:
    """A symmetric key, made of versions, one of which is the primary."""

    name: str
    created: datetime
    labels: dict[str, str]
    destruction: timedelta
    rotation: timedelta | None = None
    next_rotation: datetime | None = None
    versions: list[KeyVersion] = field(default_factory=list)
    primary: KeyVersion | None = None

    def add_version(self, now: datetime) -> KeyVersion:
        """Add a version, which isn't the primary by that."""
        version = KeyVersion(f"{self.name}/cryptoKeyVersions/{len(self.versions) + 1}", now)
        self.versions.append(version)
        return version

    def version(self, number: str) -> KeyVersion:
        """Raise GoogleError (NOT_FOUND)."""
        name = f"{self.name}/cryptoKeyVersions/{number}"
        for version in self.versions:
            if version.name == name:
                return version
        raise GoogleError("NOT_FOUND", f"CryptoKeyVersion {name} not found.")

    def catch_up(self, now: datetime) -> None:
        """Catch up with what time brings about: rotation, and the end of versions."""
        for version in self.versions:
            version.catch_up(now)
        while self.rotation and self.next_rotation is not None and self.next_rotation <= now:
            self.primary = self.add_version(self.next_rotation)
            self.next_rotation += self.rotation

    def set_rotation(self, fields: Mapping[str, Any], now: datetime) -> None:
        """Set period and next time, which come together or not at all."""
        period = _duration(fields, "rotationPeriod")
        following = _moment(fields, "nextRotationTime")
        if period is not None and not SHORTEST_ROTATION <= period <= LONGEST_ROTATION:
            raise GoogleError("INVALID_ARGUMENT", "Invalid rotation period.")
        if period is not None and following is None:
            raise GoogleError(
                "INVALID_ARGUMENT",
                "CryptoKey.next_rotation_time must be set when CryptoKey.rotation_period is set.",
            )
        if following is not None and following <= now:
            raise GoogleError("INVALID_ARGUMENT", "CryptoKey.next_rotation_time must be in the future.")
        self.rotation, self.next_rotation = period, following

    def rotation_fields(self) -> JsonObject:
        """Return what `set_rotation` takes, as it is now."""
        answer: JsonObject = {}
        if self.rotation is not None:
            answer["rotationPeriod"] = f"{int(self.rotation.total_seconds())}s"
        if self.next_rotation is not None:
            answer["nextRotationTime"] = timestamp(self.next_rotation)
        return answer

    def to_json(self) -> JsonObject:
        """As the API answers with it."""
        answer: JsonObject = {
            "name": self.name,
            "purpose": "ENCRYPT_DECRYPT",
            "createTime": timestamp(self.created),
            "versionTemplate": {"protectionLevel": "SOFTWARE", "algorithm": _ALGORITHM},
            "destroyScheduledDuration": f"{int(self.destruction.total_seconds())}s",
            **self.rotation_fields(),
        }
        if self.labels:
            answer["labels"] = self.labels
        if self.primary is not None:
            answer["primary"] = self.primary.to_json()
        return answer


def new_key(name: str, fields: Mapping[str, Any], now: datetime, *, initial_version: bool) -> CryptoKey:
    """Create a key as `cryptoKeys.create` does. Raises GoogleError for what the API refuses."""
    check_id(name)
    purpose = fields.get("purpose")
    if purpose in (None, "CRYPTO_KEY_PURPOSE_UNSPECIFIED"):
        raise GoogleError("INVALID_ARGUMENT", "CryptoKey.purpose must be set.")
    template = fields.get("versionTemplate") or {}
    if (
        purpose != "ENCRYPT_DECRYPT"
        or template.get("protectionLevel", "SOFTWARE") not in ("SOFTWARE", "PROTECTION_LEVEL_UNSPECIFIED")
        or template.get("algorithm", _ALGORITHM) != _ALGORITHM
        or fields.get("importOnly")
    ):
        raise not_implemented("Another key than a symmetric one for encryption, in software")
    destruction = _duration(fields, "destroyScheduledDuration") or DEFAULT_DESTRUCTION
    if not SHORTEST_DESTRUCTION <= destruction <= LONGEST_DESTRUCTION:
        raise GoogleError(
            "INVALID_ARGUMENT", "CryptoKey.destroy_scheduled_duration must be between 1 and 120 days."
        )
    key = CryptoKey(name, now, dict(fields.get("labels") or {}), destruction)
    key.set_rotation(fields, now)
    if initial_version:
        key.primary = key.add_version(now)
    return key


def check_id(name: str) -> None:
    """Raise GoogleError if the last part of a name is none that a ring or key can have."""
    if not _ID.fullmatch(name.rpartition("/")[2]):
        raise GoogleError(
            "INVALID_ARGUMENT",
            f"Resource ID '{name.rpartition('/')[2]}' has to match the pattern {_ID.pattern}.",
        )


def _duration(fields: Mapping[str, Any], name: str) -> timedelta | None:
    value = fields.get(name)
    if value is None:
        return None
    found = _PERIOD.fullmatch(str(value))
    if found is None:
        raise GoogleError(
            "INVALID_ARGUMENT", f"Invalid value at '{name}' (type.googleapis.com/google.protobuf.Duration)"
        )
    return timedelta(seconds=int(found[1]))


def _moment(fields: Mapping[str, Any], name: str) -> datetime | None:
    value = fields.get(name)
    if value is None:
        return None
    # Python knows microseconds, Google's libraries send nanoseconds.
    shortened = re.sub(r"(\.\d{6})\d+", r"\1", str(value))
    try:
        moment = datetime.fromisoformat(shortened)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise GoogleError(
            "INVALID_ARGUMENT", f"Invalid value at '{name}' (type.googleapis.com/google.protobuf.Timestamp)"
        )
    return moment.astimezone(UTC)

"""Judges the keys that everything in Vault is readable with, and what else can't be had again."""

import re
from collections.abc import Iterator, Sequence

from .resource import Circumstances, Resource, Rule, StackRule
from .types import AWS_KEY, GOOGLE_KEY, KEPT, OPERATOR_INIT

_SECONDS_OF_A_DAY = 24 * 60 * 60
_CLOUDS_OWN_DAYS = 30
"""Days until a key is destroyed if nothing is set. Sources: AWS KMS, ScheduleKeyDeletion,
`PendingWindowInDays`; Google Cloud KMS, CryptoKey, `destroyScheduledDuration`."""
_SEAL_OF_TYPE = {
    AWS_KEY: "awskms",
    "aws:kms/alias:Alias": "awskms",
    GOOGLE_KEY: "gcpckms",
    "gcp:kms/keyRing:KeyRing": "gcpckms",
}


def unprotected_keys(resources: Sequence[Resource], circumstances: Circumstances) -> Sequence[str]:
    """Return which keys can be deleted by mistake, or are gone for good too soon after that."""
    least = circumstances.options["minimumDays"]
    return [
        f"{key.name}: {problem}"
        for key in resources
        if key.type in (AWS_KEY, GOOGLE_KEY)
        for problem in _problems_of_key(key, least, leaving=_is_of_left_seal(key, resources))
    ]


def unprotected_rest(resources: Sequence[Resource], _circumstances: Circumstances) -> Sequence[str]:
    """Return what Pulumi would delete or replace without asking, besides the keys and the init."""
    return [
        f"{resource.name}: the {KEPT[resource.type]} isn't protected"
        for resource in resources
        if resource.type in KEPT and not resource.protected and not _is_of_left_seal(resource, resources)
    ]


def _problems_of_key(key: Resource, least: float, *, leaving: bool) -> Iterator[str]:
    if not key.protected and not leaving:
        yield "the key isn't protected, so Pulumi would delete or replace it without asking"
    days = _days_until_destruction(key)
    if days is not None and days < least:
        yield f"the key would be gone in less than {least:g} days after its deletion"


def _days_until_destruction(key: Resource) -> float | None:
    """Return the days; None if a preview can't know them."""
    name = "deletionWindowInDays" if key.type == AWS_KEY else "destroyScheduledDuration"
    value = key.value(name)
    if value is None:
        return _CLOUDS_OWN_DAYS
    if key.type == AWS_KEY:
        return float(value) if isinstance(value, int | float) else None
    seconds = re.fullmatch(r"(\d+(?:\.\d+)?)s", value) if isinstance(value, str) else None
    return float(seconds[1]) / _SECONDS_OF_A_DAY if seconds else None


def _is_of_left_seal(resource: Resource, resources: Sequence[Resource]) -> bool:
    """Return whether Vault is leaving the seal of this key, which the stack then gives up unprotected."""
    inits = [init for init in resources if init.type == OPERATOR_INIT]
    return any(init.value("migrate_from") == _SEAL_OF_TYPE.get(resource.type, init) for init in inits)


RULES: Sequence[Rule] = (
    StackRule(
        "unseal-key-kept",
        "Keys are protected, and a deleted one can be had back for long enough.",
        "Leave the setting protect at true, and set key.deletionWindowDays (AWS) to 30; Google fixes "
        "key.destroyScheduledDays when the key is created.",
        {"minimumDays": {"type": "number", "minimum": 1, "default": 30}},
        judge=unprotected_keys,
    ),
    StackRule(
        "rest-kept",
        "What can't be had again is protected.",
        "Leave the setting protect at true.",
        judge=unprotected_rest,
    ),
)

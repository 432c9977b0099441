"""Differences between two property values, named by Pulumi property paths."""

from collections.abc import Iterator
from enum import Enum

from sandbox.plugins.property_values import PropertyValue, Unknown


class Kind(Enum):
    """What happened to a property."""

    ADD = "add"
    UPDATE = "update"
    DELETE = "delete"


def path_of(steps: tuple[str | int, ...]) -> str:
    """Return a property path as the engine writes it: ``a.b[0]["c.d"]``."""
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif any(character in step for character in '."[]'):
            quoted = step.replace('"', '\\"')
            path += f'["{quoted}"]'
        else:
            path += f".{step}" if path else step
    return path


def differences(
    old: PropertyValue, new: PropertyValue, steps: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Kind]]:
    """Yield the smallest parts in which ``new`` differs from ``old``; an unknown value always differs.

    ``None`` stands for an absent value. Objects are compared by key, arrays by index.
    """
    if old is None and new is None:
        return
    if old is None:
        yield steps, Kind.ADD
    elif new is None:
        yield steps, Kind.DELETE
    elif isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            yield from differences(old.get(name), new.get(name), (*steps, name))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else None
            after = new[index] if index < len(new) else None
            yield from differences(before, after, (*steps, index))
    elif isinstance(new, Unknown) or type_sensitive(old) != type_sensitive(new):
        yield steps, Kind.UPDATE


def type_sensitive(value: PropertyValue) -> tuple[bool, PropertyValue]:
    """Return a comparison key that tells ``True`` from ``1``, which Python holds to be equal."""
    return isinstance(value, bool), value

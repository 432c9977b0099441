"""Property values as JSON, and back."""

from typing import TypeAlias

from sandbox.plugins.property_values import Null, PropertyMap, PropertyValue
from sandbox.plugins.provider import ProviderError

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


def to_json(value: PropertyValue) -> Json:
    """Return a plain value as JSON; raises :class:`ProviderError` for an unknown or a secret one."""
    if isinstance(value, dict):
        return {name: to_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, Null):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ProviderError("a value that is not known yet, or secret, was to be sent as it is")


def from_json(value: Json) -> PropertyValue:
    """JSON as a property value; nulls in objects are dropped."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if isinstance(value, dict):
        return from_json_object(value)
    return value


def from_json_object(value: dict[str, Json]) -> PropertyMap:
    """:func:`from_json` for a JSON object."""
    return {name: from_json(item) for name, item in value.items() if item is not None}

"""Pulumi property values: the engine's wire form, and the Python values that the resource types work with.

The wire form is a ``google.protobuf.Struct`` in which special values are marked by fixed strings (Pulumi SDK,
``sdk/go/common/resource/plugin/rpc.go`` and ``sdk/go/common/resource/sig``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from google.protobuf.struct_pb2 import ListValue, Struct, Value

SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a mark, no secret
OUTPUT_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_VALUE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWN_VALUES = frozenset(
    {
        UNKNOWN_VALUE,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
_UNSUPPORTED_SIGNATURES = {
    "c44067f5952c0a294b673a41bacd8c17": "an asset",
    "0def7320c3a5731c473e5ecbe6d01bc7": "an archive",
    "5cf8f73096256a8f31e491e813e4eb8e": "a resource reference",
}


class Unknown:
    """The type of :data:`UNKNOWN`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()
"""A value that is known only once the resource it comes from exists; it occurs in previews only."""


class Null:
    """The type of :data:`NULL`."""

    def __repr__(self) -> str:
        return "NULL"


NULL = Null()
"""A value that the program gives as null; None is no value at all."""


@dataclass(frozen=True)
class Secret:
    """A value that the engine keeps encrypted in the state and never shows."""

    value: "PropertyValue"

    def __repr__(self) -> str:
        return "Secret(...)"


PropertyValue: TypeAlias = (
    bool
    | int
    | float
    | str
    | Unknown
    | Null
    | Secret
    | list["PropertyValue"]
    | dict[str, "PropertyValue"]
    | None
)
PropertyMap: TypeAlias = dict[str, PropertyValue]


class PropertyValueError(ValueError):
    """A property value of a kind that the stand-ins do not handle."""


def from_struct(struct: Struct, null: Null | None = None) -> PropertyMap:
    """Read properties off the wire; nulls in objects and arrays are dropped unless ``null`` stands for them.

    Raises :class:`PropertyValueError` for assets, archives and resource references.
    """
    values = ((name, _from_value(wire, null)) for name, wire in struct.fields.items())
    return {name: value for name, value in values if value is not None}


def _from_value(wire: Value, null: Null | None) -> PropertyValue:
    match wire.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if wire.string_value in _UNKNOWN_VALUES else wire.string_value
        case "bool_value":
            return wire.bool_value
        case "number_value":
            number = wire.number_value
            return int(number) if number.is_integer() else number
        case "list_value":
            items = (_from_value(item, null) for item in wire.list_value.values)
            return [item for item in items if item is not None]
        case "struct_value":
            return _from_struct_value(wire.struct_value, null)
        case _:
            return null


def _from_struct_value(struct: Struct, null: Null | None) -> PropertyValue:
    if SIGNATURE_KEY not in struct.fields:
        return from_struct(struct, null)
    signature = struct.fields[SIGNATURE_KEY].string_value
    if signature == SECRET_SIGNATURE:
        return Secret(_from_value(struct.fields["value"], null))
    if signature == OUTPUT_SIGNATURE:
        value = _from_value(struct.fields["value"], null) if "value" in struct.fields else UNKNOWN
        return Secret(value) if struct.fields["secret"].bool_value else value
    kind = _UNSUPPORTED_SIGNATURES.get(signature, "a value of an unknown kind")
    raise PropertyValueError(
        f"{kind} was given as a property; the sandbox's provider plugins take plain values only"
    )


def to_struct(properties: Mapping[str, PropertyValue]) -> Struct:
    """Write properties in the wire form; None in objects is dropped."""
    struct = Struct()
    for name, value in properties.items():
        if value is not None:
            _write(value, struct.fields[name])
    return struct


def _write(value: PropertyValue, wire: Value) -> None:
    if value is None or isinstance(value, Null):
        wire.null_value = 0  # type: ignore[assignment]  # the enumeration's only member, NULL_VALUE, is 0
    elif isinstance(value, Unknown):
        wire.string_value = UNKNOWN_VALUE
    elif isinstance(value, Secret):
        wire.struct_value.fields[SIGNATURE_KEY].string_value = SECRET_SIGNATURE
        _write(value.value, wire.struct_value.fields["value"])
    elif isinstance(value, bool):
        wire.bool_value = value
    elif isinstance(value, int | float):
        wire.number_value = float(value)
    elif isinstance(value, str):
        wire.string_value = value
    elif isinstance(value, list):
        wire.list_value.CopyFrom(ListValue())
        for item in value:
            _write(item, wire.list_value.values.add())
    else:
        wire.struct_value.CopyFrom(to_struct(value))


def plain(value: PropertyValue) -> PropertyValue:
    """Return the value with every :class:`Secret` replaced by what it holds."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def plain_map(properties: Mapping[str, PropertyValue]) -> PropertyMap:
    """:func:`plain` for a whole property map."""
    return {name: plain(value) for name, value in properties.items()}


def contains_unknown(value: PropertyValue) -> bool:
    """Tell if the value or anything in it is :data:`UNKNOWN`."""
    return any(isinstance(item, Unknown) for item in _walk(value))


def _walk(value: PropertyValue) -> Iterator[PropertyValue]:
    yield value
    if isinstance(value, Secret):
        yield from _walk(value.value)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _walk(item)


def with_secrets_of(target: PropertyValue, source: PropertyValue) -> PropertyValue:
    """Return ``target`` with every part secret that is secret at the same place in ``source``.

    An array is secret as a whole as soon as one of its items is: its items may have moved.
    """
    if isinstance(target, Secret) or target is None:
        return target
    if isinstance(source, Secret):
        return Secret(target)
    if isinstance(target, dict) and isinstance(source, dict):
        return {name: with_secrets_of(item, source.get(name)) for name, item in target.items()}
    if isinstance(source, list) and any(isinstance(item, Secret) for item in _walk(source)):
        return Secret(target)
    return target

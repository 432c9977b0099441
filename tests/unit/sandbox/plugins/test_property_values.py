"""The wire form of property values, and secrets within them."""

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from sandbox.plugins.property_values import (
    OUTPUT_SIGNATURE,
    SECRET_SIGNATURE,
    SIGNATURE_KEY,
    UNKNOWN,
    UNKNOWN_VALUE,
    PropertyMap,
    PropertyValueError,
    Secret,
    contains_unknown,
    from_struct,
    plain_map,
    to_struct,
    with_secrets_of,
)


def struct(**fields: object) -> Struct:
    """A protobuf struct with these fields."""
    return ParseDict(fields, Struct())


def test_values_survive_the_way_there_and_back() -> None:
    properties: PropertyMap = {
        "text": "a",
        "yes": True,
        "whole": 8200,
        "part": 0.5,
        "list": [1, "b", {"c": [False]}],
        "unknown": UNKNOWN,
        "secret": Secret({"inner": ["s", UNKNOWN]}),
        "empty": {},
        "none": [],
    }

    assert from_struct(to_struct(properties)) == properties


def test_booleans_and_numbers_keep_their_kinds() -> None:
    values = from_struct(to_struct({"yes": True, "one": 1}))

    assert values["yes"] is True
    assert values["one"] == 1
    assert not isinstance(values["one"], bool)


def test_nulls_are_dropped() -> None:
    assert from_struct(struct(a=None, b={"c": None, "d": 1}, e=[None, 2])) == {"b": {"d": 1}, "e": [2]}


@pytest.mark.parametrize(
    "mark", [UNKNOWN_VALUE, "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", "dd056dcd-154b-4c76-9bd3-c8f88648b5ff"]
)
def test_every_kind_of_unknown_is_read(mark: str) -> None:
    assert from_struct(struct(a=mark)) == {"a": UNKNOWN}


def test_output_values_are_read() -> None:
    known = {SIGNATURE_KEY: OUTPUT_SIGNATURE, "value": "v", "dependencies": ["urn"]}
    secret = {SIGNATURE_KEY: OUTPUT_SIGNATURE, "value": "v", "secret": True}
    unknown = {SIGNATURE_KEY: OUTPUT_SIGNATURE}

    assert from_struct(struct(a=known, b=secret, c=unknown)) == {"a": "v", "b": Secret("v"), "c": UNKNOWN}


def test_secrets_are_marked_on_the_wire() -> None:
    wire = to_struct({"a": Secret("s")}).fields["a"].struct_value

    assert wire.fields[SIGNATURE_KEY].string_value == SECRET_SIGNATURE
    assert wire.fields["value"].string_value == "s"


def test_assets_are_refused() -> None:
    asset = {SIGNATURE_KEY: "c44067f5952c0a294b673a41bacd8c17", "text": "x"}

    with pytest.raises(PropertyValueError, match="an asset was given"):
        from_struct(struct(a=asset))


def test_a_secret_does_not_show_itself() -> None:
    assert "hidden" not in repr(Secret("hidden"))


def test_plain_values_hold_no_secrets() -> None:
    assert plain_map({"a": Secret([Secret(1), {"b": Secret("c")}])}) == {"a": [1, {"b": "c"}]}


def test_unknowns_are_found_at_any_depth() -> None:
    assert contains_unknown({"a": [{"b": Secret(UNKNOWN)}]})
    assert not contains_unknown({"a": [{"b": Secret("x")}]})


def test_outputs_are_as_secret_as_the_inputs() -> None:
    inputs: PropertyMap = {"a": {"b": Secret(1), "c": 2}, "d": Secret({"e": 3}), "f": [1, Secret(2)]}
    outputs: PropertyMap = {"a": {"b": 10, "c": 20}, "d": {"e": 30}, "f": [1, 2], "g": 4}

    assert with_secrets_of(outputs, inputs) == {
        "a": {"b": Secret(10), "c": 20},
        "d": Secret({"e": 30}),
        "f": Secret([1, 2]),
        "g": 4,
    }

"""What the reader of settings takes, what it reports, and what it returns for a value that is wrong."""

import contextvars
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pulumi.runtime import set_all_config

from components.config.reader import QUOTE, ConfigReader, configuration_of

PATH = "vault-autounseal"
Read = Callable[[ConfigReader], object]


def read(values: Mapping[str, Any], ask: Read, **options: Any) -> tuple[object, list[str]]:
    """What the reader returns, and what it reports."""
    problems: list[str] = []
    return ask(ConfigReader(values, problems, **{"path": PATH, **options})), problems


@pytest.mark.parametrize(
    ("value", "taken"), [("abc", "abc"), (12, "12"), (0, "0"), ("x" * 5, "x" * 5)], ids=repr
)
def test_text(value: object, taken: str) -> None:
    assert read({"a": value}, lambda r: r.text("a", "default", max_length=5)) == (taken, [])


@pytest.mark.parametrize(
    ("value", "shown", "fix"),
    [
        (1.2, "1.2", QUOTE),
        (True, "true", "fix it"),
        (None, "null", "fix it"),
        ([], "[]", "fix it"),
        ("Abc", '"Abc"', "fix it"),
        ("ab1", '"ab1"', "fix it"),
        ("", '""', "fix it"),
        ("abcdef", '"abcdef"', "fix it"),
    ],
)
def test_text_that_is_wrong(value: object, shown: str, fix: str) -> None:
    assert read({"a": value}, lambda r: r.text("a", "default", "[a-z]+", "fix it", 5)) == (
        "default",
        [f"{PATH}:a is {shown}: {fix}"],
    )


def test_text_that_is_absent() -> None:
    assert read({}, lambda r: r.text("a", "default")) == ("default", [])
    assert read({}, lambda r: r.text("a", None)) == (None, [])


def test_text_that_is_required() -> None:
    assert read({"a": "b"}, lambda r: r.required_text("a", "b", "give b")) == ("b", [])
    assert read({"a": "c"}, lambda r: r.required_text("a", "b", "give b")) == (
        "",
        [f'{PATH}:a is "c": give b'],
    )
    assert read({}, lambda r: r.required_text("a", "b", "give b")) == ("", [f"{PATH}:a is not set: give b"])


def test_choice() -> None:
    def ask(reader: ConfigReader) -> str:
        return reader.choice("a", "one", ["one", "two"], "the page says when")

    assert read({"a": "two"}, ask) == ("two", [])
    assert read({}, ask) == ("one", [])
    assert read({"a": "three"}, ask) == (
        "one",
        [f'{PATH}:a is "three": use one or two; the page says when'],
    )


@pytest.mark.parametrize(("value", "taken"), [(3, 3), ("5", 5)])
def test_integer(value: object, taken: int) -> None:
    assert read({"a": value}, lambda r: r.integer("a", 1, range(3, 6), "3 to 5")) == (taken, [])


def test_integer_below_zero() -> None:
    assert read({"a": "-2"}, lambda r: r.integer("a", 1, [-2], "-2")) == (-2, [])


@pytest.mark.parametrize("value", [2, 6, "6", "4.0", 4.5, "four", "3x", None])
def test_integer_that_is_wrong(value: object) -> None:
    taken, problems = read({"a": value}, lambda r: r.integer("a", 4, range(3, 6), "3 to 5"))
    assert taken == 4
    assert [problem.endswith(": 3 to 5") for problem in problems] == [True]


def test_true_is_no_integer() -> None:
    taken, problems = read({"a": True}, lambda r: r.integer("a", 2, [1, 2], "1 or 2"))
    assert (taken, problems) == (2, [f"{PATH}:a is true: 1 or 2"])


def test_integer_that_is_absent() -> None:
    assert read({}, lambda r: r.integer("a", 1, [], "none")) == (1, [])


@pytest.mark.parametrize(
    ("value", "taken"), [(True, True), (False, False), ("true", True), ("false", False)], ids=repr
)
@pytest.mark.parametrize("default", [True, False])
def test_flag(value: object, taken: bool, default: bool) -> None:
    assert read({"a": value}, lambda r: r.flag("a", default)) == (taken, [])


@pytest.mark.parametrize("value", ["yes", 1, None])
@pytest.mark.parametrize("default", [True, False])
def test_flag_that_is_wrong(value: object, default: bool) -> None:
    taken, problems = read({"a": value}, lambda r: r.flag("a", default))
    assert taken is default
    assert [problem.endswith(": use true or false") for problem in problems] == [True]


@pytest.mark.parametrize("default", [True, False])
def test_flag_that_is_absent(default: bool) -> None:
    assert read({}, lambda r: r.flag("a", default)) == (default, [])


@pytest.mark.parametrize("value", [{"b": [1]}, '{"b": [1]}'])
def test_mapping(value: object) -> None:
    assert read({"a": value}, lambda r: r.mapping("a")) == ({"b": [1]}, [])


@pytest.mark.parametrize("value", ["{", "[1]", [1], 3, None])
def test_mapping_that_is_wrong(value: object) -> None:
    taken, problems = read({"a": value}, lambda r: r.mapping("a"))
    assert taken == {}
    assert [problem.endswith(": give an object (nested keys)") for problem in problems] == [True]


def test_mapping_that_is_absent() -> None:
    assert read({}, lambda r: r.mapping("a")) == ({}, [])


def test_mapping_of_texts() -> None:
    values = {"a": {"one": "text", "two": True, "three": False, "four": 4}}
    assert read(values, lambda r: r.text_mapping("a", "[a-z]+", "a-z")) == (
        {"one": "text", "two": "true", "three": "false", "four": "4"},
        [],
    )


@pytest.mark.parametrize(
    ("entry", "why"),
    [({"b": 1.5}, QUOTE), ({"b": None}, "a-z"), ({"B": "text"}, "a-z"), ({"b": []}, "a-z")],
)
def test_entry_of_a_mapping_that_is_wrong(entry: Mapping[str, Any], why: str) -> None:
    taken, problems = read({"a": {**entry, "good": "text"}}, lambda r: r.text_mapping("a", "[a-z]+", "a-z"))
    assert taken == {"good": "text"}
    (name,) = entry
    assert [problem.endswith(f"entry {name!r}: {why}") for problem in problems] == [True]


@pytest.mark.parametrize("value", [["b", "c"], '["b", "c"]'])
def test_texts(value: object) -> None:
    assert read({"a": value}, lambda r: r.texts("a", "a list")) == (("b", "c"), [])


@pytest.mark.parametrize("value", ["b", '"b"', [""], [1], ["b", None], None, {"b": "c"}])
def test_texts_that_are_wrong(value: object) -> None:
    taken, problems = read({"a": value}, lambda r: r.texts("a", "a list"))
    assert taken == ()
    assert [problem.endswith(": a list") for problem in problems] == [True]


def test_texts_that_are_absent() -> None:
    assert read({}, lambda r: r.texts("a", "a list")) == ((), [])


@pytest.mark.parametrize("value", [[{"b": "c"}, {}], '[{"b": "c"}, {}]'])
def test_sections_name_their_keys_by_their_path(value: object) -> None:
    def ask(reader: ConfigReader) -> object:
        return [section.required_text("b", ".+", "set it") for section in reader.sections("a", "a list")]

    assert read({"a": value}, ask) == (["c", ""], [f"{PATH}:a[1].b is not set: set it"])


@pytest.mark.parametrize("value", ["b", {"b": "c"}, ["b"], None])
def test_sections_that_are_wrong(value: object) -> None:
    taken, problems = read({"a": value}, lambda r: r.sections("a", "a list"))
    assert taken == ()
    assert [problem.endswith(": a list") for problem in problems] == [True]


def test_sections_that_are_absent() -> None:
    assert read({}, lambda r: r.sections("a", "a list")) == ([], [])


def test_section_names_its_keys_by_their_path() -> None:
    taken, problems = read({"a": {"b": {"c": 1}}}, lambda r: r.section("a").section("b").flag("c", True))
    assert (taken, problems) == (True, [f"{PATH}:a.b.c is 1: use true or false"])


def test_section_that_is_absent_is_empty() -> None:
    assert read({}, lambda r: r.section("a").text("b", "default")) == ("default", [])


def secretly(key: str, values: Mapping[str, Any], ask: Read) -> tuple[object, list[str]]:
    """As `read`, with one key that Pulumi keeps secret."""

    def run() -> tuple[object, list[str]]:
        set_all_config({}, [f"{PATH}:{key}"])
        return read(values, ask)

    return contextvars.Context().run(run)


def test_secret_value_is_not_shown() -> None:
    assert secretly("a", {"a": "hush"}, lambda r: r.flag("a", True))[1] == [
        f"{PATH}:a is a secret value: use true or false"
    ]
    assert secretly("a", {"a": {"b": {"c": "hush"}}}, lambda r: r.section("a").section("b").flag("c", True))[
        1
    ] == [f"{PATH}:a.b.c is a secret value: use true or false"]


def test_reader_that_hides_values_says_only_that_they_are_set() -> None:
    values = {"a": "hush", "b": {"c": "hush", "d": "hush"}, "e": [{"f": "hush"}], "g": 1.5}

    def ask(visible: ConfigReader) -> None:
        reader = visible.hiding_values()
        reader.flag("a", True)
        reader.section("b").flag("c", True)
        reader.sections("e", "give a list")[0].unknown_keys()
        reader.required_text("h", "h", "give h")
        reader.unknown_keys()

    assert read(values, ask)[1] == [
        f"{PATH}:a is set: use true or false",
        f"{PATH}:b.c is set: use true or false",
        f"{PATH}:e[0].f is set: there is no such setting; Known here are ",
        f"{PATH}:h is not set: give h",
        f"{PATH}:g is set: there is no such setting; Known here are a, b, e, h",
    ]
    assert secretly("a", {"a": "hush"}, lambda r: r.hiding_values().flag("a", True))[1] == [
        f"{PATH}:a is a secret value: use true or false"
    ]


def test_value_in_plain_text_that_has_to_be_secret() -> None:
    assert read({"a": "hush"}, lambda r: r.secret("a", "use --secret"))[1] == [
        f"{PATH}:a is in plain text: use --secret"
    ]
    assert secretly("a", {"a": "hush"}, lambda r: r.secret("a", "use --secret"))[1] == []
    assert read({}, lambda r: r.secret("a", "use --secret"))[1] == []


def test_keys_that_would_have_no_effect() -> None:
    def ask(reader: ConfigReader) -> None:
        reader.not_applicable(["a", "b"], "remove it")
        reader.unknown_keys()

    assert read({"a": 1}, ask)[1] == [f"{PATH}:a is 1: remove it"]


ASKS: list[Read] = [
    lambda r: r.text("known", ""),
    lambda r: r.required_text("known", ".*", ""),
    lambda r: r.choice("known", "v", ["v"], ""),
    lambda r: r.integer("known", 0, [], ""),
    lambda r: r.flag("known", True),
    lambda r: r.mapping("known"),
    lambda r: r.texts("known", ""),
    lambda r: r.secret("known", ""),
    lambda r: r.skip("known"),
    lambda r: r.not_applicable(["known"], ""),
]


@pytest.mark.parametrize("known", ASKS)
def test_key_that_was_never_read_is_unknown(known: Read) -> None:
    def ask(reader: ConfigReader) -> object:
        reader.skip("another")
        known(reader)
        return reader.unread_keys()

    assert read({"knwon": 1}, ask)[0] == ["knwon"]
    assert read({"known": "v"}, ask)[0] == []

    def unknown(reader: ConfigReader) -> None:
        ask(reader)
        reader.unknown_keys()

    assert read({"knwon": 1}, unknown)[1][-1] == (
        f"{PATH}:knwon is 1: there is no such setting; did you mean known? Known here are another, known"
    )
    assert read({"xyz": 1}, unknown)[1][-1].endswith("no such setting; Known here are another, known")


def test_configuration_is_that_of_one_namespace() -> None:
    def run() -> Mapping[str, str]:
        set_all_config({"mine:a": "1", "aws:region": "r", "mine2:a": "2"})
        return configuration_of("mine")

    assert contextvars.Context().run(run) == {"a": "1"}

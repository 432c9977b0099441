"""What values files of the official chart have, said by settings: what the program then gives each chart."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jsonschema
import pytest

from components.errors import SettingsError
from components.settings import ChartSettings
from components.settings.given_values import require_known_values
from tests.official_chart import VERSIONS, official_file, unknown_values
from tests.unit.fakes.mocked_account import EKS, provide_commands
from tests.unit.fakes.released_values import released_values
from tests.unit.fakes.stack_settings import parse
from tests.value_groups import ExpressibleGroup, OtherGroup, holds, holds_lines
from tests.values_files import EXPRESSIBLE, OTHER, expressible_share

Values = Mapping[str, Any]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Values], Values]]:
    """A function that runs the program with some settings, once for all tests that read the same values."""
    known: dict[str, Values] = {}

    def values(settings: Values) -> Values:
        key = json.dumps(settings)
        if key not in known:
            known[key] = released_values(settings)
        return known[key]

    with pytest.MonkeyPatch.context() as monkeypatch:
        provide_commands(monkeypatch, tmp_path_factory.mktemp("commands"))
        yield values


def configuration(values: Values) -> str:
    text = values["server"]["ha"]["raft"]["config"]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("group", EXPRESSIBLE, ids=lambda group: group.values[0])
def test_the_chart_is_given_what_the_files_have(
    group: ExpressibleGroup, released: Callable[[Values], Values]
) -> None:
    # A new stack has TLS already.
    for settings, given in ((group.settings, True), ({"tls": {"source": "none"}}, False)):
        made = released(settings)
        found = holds(made, group.given) and holds_lines(configuration(made), group.configuration)
        assert found is given


@pytest.mark.parametrize("version", VERSIONS)
def test_every_chart_has_these_values(version: str, released: Callable[[Values], Values]) -> None:
    schema = json.loads(official_file(version, "values.schema.json").read_text(encoding="utf-8"))
    folder = str(official_file(version, "values.yaml").parent)
    for group in EXPRESSIBLE:
        made = released(group.settings)
        assert unknown_values(version, made) == []
        jsonschema.Draft7Validator(schema).validate(made)
        values = group.settings.get("chart", {}).get("values", {})
        require_known_values(ChartSettings(repository=None, version=None, path=folder, values=values))


@pytest.mark.parametrize("group", OTHER, ids=lambda group: group.values[0])
def test_others_are_refused_with_what_to_do(group: OtherGroup) -> None:
    with pytest.raises(SettingsError) as refused:
        parse({**EKS, **group.settings})

    (problem,) = refused.value.problems
    assert group.message in problem


def test_nine_in_ten_of_what_is_set_can_be_said() -> None:
    assert expressible_share() >= 0.9


@pytest.mark.parametrize(
    ("found", "part", "held"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"a": None, "b": 1}, False),
        ([{"a": 1, "b": 2}, 3], [{"a": 1}], True),
        ([{"a": 1}], [{"a": 1}, {"b": 1}], False),
        ({"a": []}, {"a": [1]}, False),
        (None, {"a": 1}, False),
        ("text", ["text"], False),
    ],
)
def test_part_is_recognised(found: Any, part: Any, held: bool) -> None:
    assert holds(found, part) is held


@pytest.mark.parametrize(
    ("part", "held"), [("", True), ("b = 2", True), ("a {\nb = 2\n}", True), ("a {\n}", False)]
)
def test_lines_are_recognised(part: str, held: bool) -> None:
    assert holds_lines("x = 1\na {\n  b = 2\n}\n", part) is held

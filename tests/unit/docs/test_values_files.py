"""docs/values-files.md says for each value what the program does with it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from components.chart.owned_values import OWNED
from components.chart.owned_variables import OWNED_VARIABLES
from components.chart.value_merge import SETTINGS
from components.settings import server_configuration
from tests.official_chart import leaves
from tests.unit.docs.documents import blocks, code, tables
from tests.unit.fakes.stack_settings import SHAMIR, parse
from tests.value_groups import ExpressibleGroup
from tests.values_files import EXPRESSIBLE, OTHER

PAGE = "docs/values-files.md"
DOCUMENTED = {code(setting)[0] for setting, *_ in tables("docs/settings.md", "Setting")}
GROUPS = {tuple(code(values)): (int(files), here) for values, files, here in tables(PAGE, "In the file")}


def documented_names(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield the settings that this configuration has, by their names in docs/settings.md."""
    for leaf in leaves(settings):
        (name,) = (known for known in DOCUMENTED if f"{leaf}.".startswith(f"{known}."))
        yield name


def unmarked(path: str, first_column: str) -> Mapping[str, str]:
    """Return a table of two columns as plain text."""
    return {value.strip("`"): instead.replace("`", "") for value, instead in tables(path, first_column)}


def test_the_tables_have_every_group_with_its_count() -> None:
    counted = {tuple(group.values): group.files for group in EXPRESSIBLE}
    counted |= {tuple(group.values): group.files for group in OTHER}
    assert {values: files for values, (files, _) in GROUPS.items()} == counted


@pytest.mark.parametrize("group", EXPRESSIBLE, ids=lambda group: group.values[0])
def test_a_group_has_the_settings_that_say_it(group: ExpressibleGroup) -> None:
    _, here = GROUPS[tuple(group.values)]
    used = set(documented_names(group.settings))
    # Beside a setting a row may say what else chart.values is for.
    assert used <= set(code(here)) & DOCUMENTED <= used | {"chart.values"}


def test_values_of_the_program_have_what_to_use_instead() -> None:
    assert unmarked(PAGE, "Value") == OWNED


def test_names_of_the_programs_configuration_have_what_to_use_instead() -> None:
    assert unmarked(PAGE, "Name") == server_configuration.OWNED


def test_parameters_and_variables_have_what_to_use_instead() -> None:
    assert unmarked(PAGE, "Listener's parameter") == server_configuration.OWNED_BY_LISTENER
    assert unmarked(PAGE, "Raft's parameter") == server_configuration.OWNED_BY_RAFT
    assert unmarked(PAGE, "Variable") == OWNED_VARIABLES


def test_values_with_a_setting_have_it() -> None:
    found = unmarked(PAGE, "Value of the chart")
    assert found == {value: setting for value, setting in SETTINGS.items() if value not in OWNED}


def test_what_a_row_names_is_a_setting() -> None:
    """A single word may be a term of another thing; a dotted one is a setting, or a value of the chart."""
    rows = [instead for _, instead in (*tables(PAGE, "Value"), *tables(PAGE, "Value of the chart"))]
    sections = {name.rpartition(".")[0] for name in DOCUMENTED}
    named = {name for row in rows for name in code(row)}
    assert {name for name in named if name.partition(":")[0] not in DOCUMENTED | sections} == set()


def test_the_example_is_taken() -> None:
    (example,) = blocks(PAGE, "yaml")
    settings = {
        name.removeprefix("vault-autounseal:"): value
        for name, value in yaml.safe_load(example)["config"].items()
    }
    assert parse({**SHAMIR, **settings}).chart.values["server"].keys() == {"tolerations", "auditStorage"}

"""The tables of versions have what the code runs, compares with and refuses."""

import re
from collections.abc import Sequence

import pytest

from components.settings.chart import BROKEN_CHART
from components.settings.vault_version import FAILING, version_text
from sandbox.build.versions import CHARTS, KUBERNETES_VERSIONS, VAULT, Versions
from tests.official_chart import VERSIONS as COMPARED
from tests.unit.docs.documents import REPOSITORY, tables, text

PAGE = "docs/versions.md"
RUN = {
    "Vault": list(CHARTS),
    "Chart": list(CHARTS.values()),
    "Kubernetes": list(KUBERNETES_VERSIONS),
}
COLUMNS = list(RUN)


def versions(column: str, how_far: str) -> Sequence[str]:
    """The versions of a table's rows that have that in their second column."""
    cells = [row[0] for row in tables(PAGE, column) if row[1] == how_far]
    return [version for cell in cells for version in re.findall(r"\d+\.\d+\.\d+", cell)]


@pytest.mark.parametrize("column", COLUMNS)
def test_what_runs_are_the_versions_of_the_sandbox(column: str) -> None:
    assert versions(column, "run") == RUN[column]


@pytest.mark.parametrize(
    ("column", "newest"),
    [("Vault", VAULT), ("Chart", Versions().chart), ("Kubernetes", Versions().kubernetes)],
)
def test_what_runs_by_default_is_bold_and_nothing_else(column: str, newest: str) -> None:
    assert [row[0] for row in tables(PAGE, column) if "*" in row[0]] == [f"**{newest}**"]


def test_charts_that_are_compared_run_or_are_rendered() -> None:
    rendered = versions("Chart", "rendered")
    assert sorted([*versions("Chart", "run"), *rendered]) == sorted(COMPARED)


def test_versions_that_are_refused_by_a_list_are_those_of_the_list() -> None:
    refused = [row[0] for row in tables(PAGE, "Vault") if row[1] == "refused"]
    assert ", ".join(map(version_text, FAILING)) in refused
    assert BROKEN_CHART in versions("Chart", "refused")


@pytest.mark.parametrize("column", COLUMNS)
def test_every_row_names_how_far_and_by_what(column: str) -> None:
    for version, how_far, by_what in tables(PAGE, column):
        assert how_far in ("run", "rendered", "refused"), version
        tests = re.findall(r"\]\(\.\./(tests/[^)]+)\)", by_what)
        assert all((REPOSITORY / test).is_file() for test in tests)
        by_default = version.startswith("**")
        assert tests or by_default or "make up" in by_what, version


@pytest.mark.parametrize(("variable", "column"), [("VAULT", "Vault"), ("KUBERNETES", "Kubernetes")])
def test_what_make_up_is_told_to_take_runs(variable: str, column: str) -> None:
    (named,) = set(re.findall(rf"make up {variable}=([\d.]+)", text(PAGE)))
    assert any(f"{version}.".startswith(f"{named}.") for version in RUN[column][1:])

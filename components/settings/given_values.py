"""Reads the values that the user gives the chart, and holds their names against the chart's own."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components.chart.default_values import packaged_default_values, published_default_values
from components.chart.owned_values import owned_problems
from components.chart.value_names import unknown_names
from components.config.reader import ConfigReader
from components.errors import SettingsError
from components.settings.model import ChartSettings


def read_given_values(reader: ConfigReader) -> Mapping[str, Any]:
    """Read `values` of the section ``chart``, and report those that the program owns."""
    values = reader.mapping("values")
    for problem in owned_problems(values):
        reader.report_inside("values", problem)
    return values


def require_known_values(chart: ChartSettings) -> None:
    """Raise :class:`SettingsError` if the chart doesn't have one of the user's own values.

    Raises :class:`~components.chart.default_values.ChartSourceError` if the chart can't be read.
    """
    if not chart.values:
        return
    if chart.in_registry or chart.password is not None:
        where = "an OCI registry" if chart.in_registry else "a repository that wants a password"
        pulumi.log.warn(f"The names in chart.values aren't checked: the chart is in {where}.")
        return
    if chart.path is not None:
        text = packaged_default_values(chart.path)
    else:
        text = published_default_values(str(chart.repository), str(chart.version))
    problems = [f"chart.values.{problem}" for problem in unknown_names(chart.values, text)]
    if problems:
        raise SettingsError(problems)

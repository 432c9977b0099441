"""Reads where the chart comes from, and the chart's values that the user sets besides the program's."""

import pulumi

from components.chart.default_values import packaged_default_values, published_default_values
from components.chart.owned_values import owned_problems
from components.chart.value_names import unknown_names
from components.config.reader import ConfigReader
from components.errors import SettingsError
from components.settings.model import ChartSettings

# It lacks the step that renders Vault's configuration from its template (hashicorp/vault-helm#1072).
BROKEN_CHART = "0.29.0"
OFFICIAL_CHART_REPOSITORY = "https://helm.releases.hashicorp.com"
OCI = "oci://"


def read_chart(reader: ConfigReader) -> ChartSettings:
    """Read the section ``chart``."""
    path = reader.text("path", None, fix="give the folder or archive of a chart")
    values = reader.mapping("values")
    for problem in owned_problems(values):
        reader.report_inside("values", problem)
    repository, version = None, None
    if path is not None:
        reader.not_applicable(("repository", "version"), "chart.path takes its place; remove one of the two")
    else:
        repository = reader.text(
            "repository", OFFICIAL_CHART_REPOSITORY, r"https?://.+", "give the URL of a Helm repository"
        )
        version = reader.text(
            "version", "0.29.1", r"\d+\.\d+\.\d+([+-].+)?", "give an exact version, such as 0.29.1"
        )
        if version == BROKEN_CHART:
            reader.report("version", "its config templating is broken (vault-helm issue 1072); use 0.29.1")
    reader.unknown_keys()
    return ChartSettings(
        repository=repository,
        version=version,
        path=path,
        values=values,
        secret_values=reader.is_secret("values"),
    )


def require_known_values(chart: ChartSettings) -> None:
    """Raise :class:`SettingsError` if the chart doesn't have one of the user's own values.

    Raises :class:`~components.chart.default_values.ChartSourceError` if the chart can't be read.
    """
    if not chart.values:
        return
    if chart.path is not None and chart.path.startswith(OCI):
        pulumi.log.warn("The names in chart.values aren't checked: the chart is in an OCI registry.")
        return
    if chart.path is not None:
        text = packaged_default_values(chart.path)
    else:
        text = published_default_values(str(chart.repository), str(chart.version))
    problems = [f"chart.values.{problem}" for problem in unknown_names(chart.values, text)]
    if problems:
        raise SettingsError(problems)

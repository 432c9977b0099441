"""The chart's own values in the settings: what is refused, and where the known names come from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.chart.default_values import ChartSourceError
from components.errors import SettingsError
from components.settings import ChartSettings
from components.settings.given_values import require_known_values
from tests.unit.fakes.stack_settings import PROJECT, SHAMIR, parse, problems

VALUES = {"csi": {"enabled": True}, "server": {"livenessProbe": None}}


def packaged(tmp_path: Path, values: Mapping[str, Any]) -> ChartSettings:
    (tmp_path / "values.yaml").write_text("server:\n  # livenessProbe: {}\n  tolerations: []\n")
    return ChartSettings(repository=None, version=None, path=str(tmp_path), values=values)


def test_values_are_kept_as_they_are_given() -> None:
    chart = parse({**SHAMIR, "chart": {"version": "0.34.1", "values": VALUES}}).chart
    assert (chart.values, chart.secret_values) == (VALUES, False)
    assert parse({**SHAMIR, "chart": {"values": VALUES}}, secret_keys=["chart"]).chart.secret_values
    assert "csi" not in repr(chart)


def test_values_of_the_program_are_refused_by_name() -> None:
    values = {"server": {"image": {"tag": "hush"}, "ha": {"replicas": 5}}}
    refused = problems({**SHAMIR, "chart": {"values": values}})
    assert sorted(refused) == [
        f"{PROJECT}:chart.values.server.ha.replicas can't be set here: use replicas",
        f"{PROJECT}:chart.values.server.image.tag can't be set here: use image.tag",
    ]


def test_values_are_an_object() -> None:
    (problem,) = problems({**SHAMIR, "chart": {"values": ["a"]}})
    assert problem == f'{PROJECT}:chart.values is ["a"]: give an object (nested keys)'


def refusal(chart: ChartSettings) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        require_known_values(chart)
    return refused.value.problems


def test_names_are_those_of_the_very_chart(tmp_path: Path) -> None:
    require_known_values(packaged(tmp_path, {"server": {"tolerations": [], "livenessProbe": None}}))
    (problem,) = refusal(packaged(tmp_path, {"server": {"toleration": []}}))
    assert problem == (
        "chart.values.server.toleration isn't a value of this chart; did you mean server.tolerations?"
    )


def test_chart_is_not_read_without_values(tmp_path: Path) -> None:
    require_known_values(ChartSettings(repository=None, version=None, path=str(tmp_path / "none")))
    with pytest.raises(ChartSourceError):
        require_known_values(
            ChartSettings(repository=None, version=None, path=str(tmp_path / "none"), values=VALUES)
        )


def test_repository_is_read_for_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, str | None]] = []

    def published(repository: str, version: str, ca_file: str | None) -> str:
        asked.append((repository, version, ca_file))
        return "csi: {}\n"

    monkeypatch.setattr("components.settings.given_values.published_default_values", published)
    require_known_values(parse({**SHAMIR, "chart": {"values": {"csi": {"enabled": True}}}}).chart)
    assert asked == [("https://helm.releases.hashicorp.com", "0.34.1", None)]


@pytest.mark.parametrize(
    ("source", "where"),
    [
        ({"repository": "oci://registry.example.com/charts"}, "an OCI registry"),
        ({"username": "me", "password": "hush"}, "a repository that wants a password"),
    ],
)
def test_chart_that_is_not_read_is_told(
    source: Mapping[str, str], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warned.append)
    chart = {**source, "values": VALUES}
    require_known_values(parse({**SHAMIR, "chart": chart}, secret_keys=["chart"]).chart)
    assert warned == [f"The names in chart.values aren't checked: the chart is in {where}."]

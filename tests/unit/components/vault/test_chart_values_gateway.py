"""The values of the route that a Gateway serves, held against the official chart's."""

import json
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest

from components.chart.owned_values import OWNED
from tests.official_chart import VERSIONS, official_file, unknown_values
from tests.unit.fakes.chart_stacks import values
from tests.unit.fakes.stack_settings import SHAMIR, problems

GATEWAY: Mapping[str, Any] = {
    **SHAMIR,
    "chart": {"version": "0.34.1"},
    "gateway": {"parentRefs": [{"name": "public", "port": 443}], "hostnames": ["vault.example.com"]},
}


def test_route_is_there_with_a_gateway_only() -> None:
    assert "httproute" not in values(SHAMIR)["server"]
    route = values(GATEWAY)["server"]["httproute"]
    assert route == {
        "enabled": True,
        "activeService": True,
        "parentRefs": [{"name": "public", "port": 443}],
        "hostnames": ["vault.example.com"],
    }
    assert {f"server.httproute.{name}" for name in route} <= OWNED.keys()


def test_official_chart_takes_the_route() -> None:
    schema = json.loads(official_file("0.34.1", "values.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(values(GATEWAY))
    assert unknown_values("0.34.1", values(GATEWAY)) == []


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_version_without_a_route_is_refused(version: str) -> None:
    assert unknown_values(version, values(GATEWAY)) == ["server.httproute"]
    assert len(problems({**GATEWAY, "chart": {"version": version}})) == 1

"""The sandbox's chart, rendered by Helm, held against the official chart of the same version.

Where the official chart's schema, default values and renderings come from: ``tests/official_chart.py``.
"""

import copy
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from sandbox.charts import CHART_VERSION, chart_images, own_chart
from tests.official_chart import (
    official_file,
    official_rendering,
    official_yaml,
    require_values_of_every_version,
)

VERSION = CHART_VERSION
SEEDS = ("seed-a",)
SCHEMA_ERROR = "values don't meet the specifications of the schema"

KNOWN_TO_TEMPLATES_ONLY = ("server.service.type", "server.readinessProbe.path", "ui.loadBalancerSourceRanges")
"""Values of the official chart that its schema doesn't have, so that it takes anything for them."""

Template = Callable[..., subprocess.CompletedProcess[str]]
Render = Callable[..., dict[tuple[str, str], Any]]


@dataclass(frozen=True)
class OfficialSchema:
    """The official chart's judgement of values."""

    schema: Mapping[str, Any]
    defaults: Mapping[str, Any]

    def accepts(self, path: str, value: object) -> bool:
        """Whether the official defaults are still valid with ``value`` at the dotted ``path``."""
        values = copy.deepcopy(dict(self.defaults))
        *outer, last = path.split(".")
        part = values
        for key in outer:
            part = part.setdefault(key, {})
        part[last] = value
        return bool(jsonschema.Draft7Validator(self.schema).is_valid(values))


def value_at(values: Mapping[str, Any], path: str) -> Any:
    """The value at the dotted ``path``; None where there is none."""
    value: Any = values
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


@pytest.fixture(scope="session")
def official_schema() -> OfficialSchema:
    """The official chart's schema and the values that it is about."""
    return OfficialSchema(
        json.loads(official_file(VERSION, "values.schema.json").read_text(encoding="utf-8")),
        official_yaml(VERSION, "values.yaml"),
    )


def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((own_chart() / "values.schema.json").read_text())
    return schema


def _properties(schema: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, bool]]:
    """The dotted paths of a schema's properties, outer before inner, and whether each has some of its own."""
    for name, part in schema.get("properties", {}).items():
        if "$ref" in part:
            part = _schema()["definitions"][part["$ref"].removeprefix("#/definitions/")]
        yield f"{prefix}{name}", "properties" in part
        yield from _properties(part, f"{prefix}{name}.")


def _pointer(path: str) -> str:
    """How Helm's messages name the value at a dotted path."""
    return f"'/{path.replace('.', '/')}"


@pytest.mark.parametrize("seed", SEEDS)
def test_renders_what_the_official_chart_renders(render_chart: Render, seed: str) -> None:
    """Every object is equal as YAML, without exception; comments and the order of documents may differ."""
    expected = official_rendering(VERSION, seed)

    rendered = render_chart(values=official_yaml(VERSION, f"{seed}.values.yaml"))

    assert set(rendered) == set(expected)
    for key, document in expected.items():
        assert rendered[key] == document, key


@pytest.mark.parametrize("seed", SEEDS)
def test_the_values_compared_are_valid_for_the_official_chart(
    official_schema: OfficialSchema, seed: str
) -> None:
    values = official_yaml(VERSION, f"{seed}.values.yaml")

    assert all(official_schema.accepts(name, value) for name, value in values.items())


def test_uses_the_images_of_the_official_chart(helm: Path, tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text(f"apiVersion: v2\nname: vault\nversion: {VERSION}\n")
    shutil.copy(official_file(VERSION, "values.yaml"), tmp_path)

    images = chart_images(own_chart(), helm)

    assert [image.role for image in images] == ["server", "injector", "agent"]
    assert images == chart_images(tmp_path, helm)


def test_defaults_are_those_of_the_official_chart(official_schema: OfficialSchema) -> None:
    own = yaml.safe_load((own_chart() / "values.yaml").read_text())
    # These are templates, compared as they are rendered; this chart has no configuration of its own.
    elsewhere = {
        *("injector.affinity", "injector.webhook.objectSelector", "server.affinity"),
        *("server.ha.raft.config", "server.standalone.config"),
    }

    defaults = {
        path: value_at(own, path)
        for path, has_more in _properties(_schema())
        if not has_more and path not in elsewhere
    }

    assert defaults == {path: value_at(official_schema.defaults, path) for path in defaults}


@pytest.mark.parametrize(
    "path", [path for path, _ in _properties(_schema()) if path not in KNOWN_TO_TEMPLATES_ONLY]
)
def test_rejects_every_type_that_the_official_schema_rejects(
    template_chart: Template, official_schema: OfficialSchema, path: str
) -> None:
    """Which says as well that what this chart takes, the official one takes."""
    rejected = [
        value
        for value in ("text", 7, 1.5, True, {"key": "value"}, ["item"])
        if not official_schema.accepts(path, value)
    ]
    assert rejected, f"the official schema takes anything for {path}"
    for value in rejected:
        result = template_chart({path: value})
        assert result.returncode != 0, value
        assert SCHEMA_ERROR in result.stderr
        assert _pointer(path) in result.stderr


@pytest.mark.parametrize("path", KNOWN_TO_TEMPLATES_ONLY)
def test_values_that_the_official_schema_lacks_are_in_its_comments(
    official_schema: OfficialSchema, path: str
) -> None:
    assert path not in dict(_properties(official_schema.schema))
    given: dict[str, Any] = {}
    for key in reversed(path.split(".")):
        given = {key: given}
    require_values_of_every_version(given)


@pytest.mark.parametrize(
    "hosts", [[{"host": 7}], [{"host": "vault.example.com", "paths": "/"}], ["vault.example.com"]]
)
def test_rejects_hosts_that_the_official_schema_rejects(
    template_chart: Template, official_schema: OfficialSchema, hosts: list[Any]
) -> None:
    assert not official_schema.accepts("server.ingress.hosts", hosts)

    result = template_chart({"server.ingress.hosts": hosts})

    assert result.returncode != 0
    assert SCHEMA_ERROR in result.stderr


def test_refuses_every_official_value_that_it_does_not_implement(
    template_chart: Template, official_schema: OfficialSchema
) -> None:
    """Even where the value given is the official default: it would otherwise look implemented."""
    own = dict(_properties(_schema()))
    refused = {}
    for path, _ in _properties(official_schema.schema):
        outer, _, _ = path.rpartition(".")
        if path not in own and (not outer or own.get(outer)):
            default = value_at(official_schema.defaults, path)
            # Helm takes null for "remove this value".
            refused[path] = "anything" if default is None else default
    assert {"csi", "server.dev", "server.ha.config", "server.service.standby", "injector.strategy"} <= set(
        refused
    )

    error = template_chart(refused).stderr

    not_named = [
        path
        for path in refused
        if f"{_pointer(path)}': value must be '(absent: the sandbox\\'s chart does not implement" not in error
    ]
    assert not_named == []

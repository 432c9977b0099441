"""Default images of charts, and whether the official chart can be had: on a script in Helm's place."""

import json
import stat
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from sandbox.charts import (
    CHART_VERSION,
    OLDER_CHART_VERSION,
    ChartError,
    ChartImage,
    chart_images,
    official_chart_reachable,
    older_chart,
    own_chart,
)
from sandbox.layout import Layout

REPOSITORY = "https://charts.example.com"


class ScriptedHelm:
    """A program in Helm's place that prints what it is told to and keeps what it was called with."""

    def __init__(
        self, folder: Path, *, output: str = "", error: str = "", code: int = 0, pause: float = 0
    ) -> None:
        self.path = folder / "helm"
        self._record = folder / "call.json"
        self.path.write_text(
            f"#!{sys.executable}\n"
            "import json, os, pathlib, sys, time\n"
            f"pathlib.Path({str(self._record)!r}).write_text(json.dumps([sys.argv[1:], dict(os.environ)]))\n"
            f"time.sleep({pause!r})\n"
            f"sys.stdout.write({output!r})\n"
            f"sys.stderr.write({error!r})\n"
            f"sys.exit({code!r})\n"
        )
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    @property
    def arguments(self) -> list[str]:
        """What the last call was given."""
        arguments: list[str] = json.loads(self._record.read_text())[0]
        return arguments

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the last call."""
        environment: dict[str, str] = json.loads(self._record.read_text())[1]
        return environment


VALUES = """
injector:
  image: {repository: hashicorp/vault-k8s, tag: "1.3.1", pullPolicy: IfNotPresent}
  agentImage: {repository: hashicorp/vault, tag: "1.15.2"}
server:
  image: {repository: registry.example.com/vault, tag: "1.15.3"}
"""


def test_images_are_read_from_the_default_values(tmp_path: Path) -> None:
    helm = ScriptedHelm(tmp_path, output=VALUES)

    images = chart_images(tmp_path / "some-chart", helm.path)

    assert images == [
        ChartImage("server", "registry.example.com/vault:1.15.3"),
        ChartImage("injector", "hashicorp/vault-k8s:1.3.1"),
        ChartImage("agent", "hashicorp/vault:1.15.2"),
    ]
    assert helm.arguments == ["show", "values", str(tmp_path / "some-chart")]


def test_a_relative_chart_is_a_path_and_not_the_name_of_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helm = ScriptedHelm(tmp_path, output=VALUES)
    monkeypatch.chdir(tmp_path)

    chart_images(Path("hashicorp/vault"), helm.path)

    assert helm.arguments[-1] == str(tmp_path / "hashicorp/vault")


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("server.image", ""),
        ("server.image", "server: {image: vault}"),
        ("server.image", "server: {image: {repository: vault, tag: ''}}"),
        ("injector.image", "server: {image: {repository: vault, tag: '1'}}"),
        ("server.image", "server: {image: {repository: vault, tag: 1.18}}"),
    ],
)
def test_a_chart_without_the_images_is_refused(tmp_path: Path, path: str, values: str) -> None:
    helm = ScriptedHelm(tmp_path, output=values)

    with pytest.raises(ChartError, match=f"no repository and tag for {path}"):
        chart_images(tmp_path, helm.path)


def test_an_unreadable_chart_is_refused_with_what_helm_says(tmp_path: Path) -> None:
    helm = ScriptedHelm(tmp_path, error="Error: Chart.yaml file is missing\n", code=1)

    with pytest.raises(ChartError, match=r"Chart\.yaml file is missing\. Give the folder or the archive"):
        chart_images(tmp_path, helm.path)


def test_the_official_chart_is_reachable_when_helm_can_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELM_REPOSITORY_CACHE", "/home/user/.cache/helm/repository")
    helm = ScriptedHelm(tmp_path, output="name: vault\n")
    layout = Layout(tmp_path / "home")

    assert official_chart_reachable(helm.path, REPOSITORY, "0.29.1", layout=layout)

    assert helm.arguments == ["show", "chart", "vault", "--repo", REPOSITORY, "--version", "0.29.1"]
    helm_settings = {name: value for name, value in helm.environment.items() if name.startswith("HELM_")}
    assert set(helm_settings) == {"HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"}
    assert all(Path(value).is_relative_to(layout.home) for value in helm_settings.values())


@pytest.mark.parametrize(
    "error",
    [
        'Error: looks like "https://charts.example.com" is not a valid chart repository or cannot be '
        'reached: Get "https://charts.example.com/index.yaml": dial tcp: no such host',
        'Error: Get "https://charts.example.com/vault-0.29.1.tgz": net/http: TLS handshake timeout',
        "Error: failed to fetch https://charts.example.com/vault-0.29.1.tgz : 503 Service Unavailable",
    ],
)
def test_a_repository_that_does_not_answer_is_not_reachable(tmp_path: Path, error: str) -> None:
    helm = ScriptedHelm(tmp_path, error=error, code=1)

    assert not official_chart_reachable(helm.path, REPOSITORY, "0.29.1", layout=Layout(tmp_path))


def test_a_repository_that_answers_too_late_is_not_reachable(tmp_path: Path) -> None:
    helm = ScriptedHelm(tmp_path, output="name: vault\n", pause=60)

    assert not official_chart_reachable(
        helm.path, REPOSITORY, "0.29.1", layout=Layout(tmp_path), timeout_seconds=0.2
    )


@pytest.mark.parametrize(
    "error",
    [
        'Error: chart "vault" version "9.9.9" not found in https://charts.example.com repository',
        "Error: could not find protocol handler for: ftp",
    ],
)
def test_a_version_or_address_that_is_wrong_is_an_error(tmp_path: Path, error: str) -> None:
    helm = ScriptedHelm(tmp_path, error=error, code=1)

    with pytest.raises(ChartError, match="Set a repository and a version that exist"):
        official_chart_reachable(helm.path, REPOSITORY, "9.9.9", layout=Layout(tmp_path))


def test_the_own_chart_is_a_chart_called_vault() -> None:
    chart = yaml.safe_load((own_chart() / "Chart.yaml").read_text())

    assert (chart["name"], chart["version"]) == ("vault", CHART_VERSION)


def test_the_older_chart_differs_by_its_version_and_default_images_alone(tmp_path: Path) -> None:
    older = older_chart(tmp_path)

    assert older_chart(tmp_path) == older, "made anew, it is at the same place"
    names = {file.relative_to(older) for file in older.rglob("*") if file.is_file()}
    assert names == {file.relative_to(own_chart()) for file in own_chart().rglob("*") if file.is_file()}
    changed = [name for name in names if (older / name).read_text() != (own_chart() / name).read_text()]
    assert sorted(map(str, changed)) == ["Chart.yaml", "values.yaml"]
    chart = yaml.safe_load((older / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (OLDER_CHART_VERSION, "1.18.1")
    values = yaml.safe_load((older / "values.yaml").read_text())
    assert values["server"]["image"]["tag"] == values["injector"]["agentImage"]["tag"] == "1.18.1"
    assert values["injector"]["image"]["tag"] == "1.5.0"


def test_the_own_charts_defaults_satisfy_its_schema() -> None:
    schema = json.loads((own_chart() / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)

    jsonschema.validate(yaml.safe_load((own_chart() / "values.yaml").read_text()), schema)


def test_every_object_in_the_own_charts_schema_is_closed_or_passed_through() -> None:
    """What Kubernetes or Vault defines is passed through; everything else has to be implemented."""
    passed_through = {
        "properties/injector/properties/resources",
        "properties/injector/properties/extraEnvironmentVars",
        "properties/injector/properties/affinity",
        "properties/injector/properties/nodeSelector",
        "properties/injector/properties/annotations",
        "properties/injector/properties/extraLabels",
        "properties/injector/properties/webhook/properties/namespaceSelector",
        "properties/injector/properties/webhook/properties/objectSelector",
        "properties/ui/properties/annotations",
        "definitions/securityContext/properties/pod",
        "definitions/securityContext/properties/container",
        *(
            f"properties/server/properties/{name}"
            for name in (
                "resources",
                "annotations",
                "extraLabels",
                "extraEnvironmentVars",
                "volumes/items",
                "volumeMounts/items",
                "hostAliases/items",
                "extraContainers/items",
                "affinity",
                "nodeSelector",
                "service/properties/annotations",
                "service/properties/active/properties/annotations",
                "serviceAccount/properties/annotations",
                "ingress/properties/annotations",
            )
        ),
    }
    schema = json.loads((own_chart() / "values.schema.json").read_text())

    assert _open_objects(schema, "") == passed_through


def _open_objects(schema: object, path: str) -> set[str]:
    if not isinstance(schema, dict):
        return set()
    found: set[str] = set()
    kinds = schema.get("type", [])
    takes_objects = "object" in ([kinds] if isinstance(kinds, str) else kinds)
    if takes_objects and schema.get("additionalProperties") != {"$ref": "#/definitions/notImplemented"}:
        found.add(path)
    for name, part in schema.items():
        found |= _open_objects(part, f"{path}/{name}" if path else name)
    return found

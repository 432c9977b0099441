"""The sandbox's chart as its older version, held against older versions of the official chart.

What 0.27.0, which it can't stand in for, renders otherwise is listed in ``DIFFERENCES``, each with the
reason; everything else has to be equal. ``test_chart.py`` compares with the newest version.
"""

import copy
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.charts import OLDER_CHART_VERSION, chart_images, older_chart
from tests.official_chart import official_file, official_rendering, official_yaml

Render = Callable[..., dict[tuple[str, str], Any]]
Objects = dict[tuple[str, str], Any]

STAND_IN = OLDER_CHART_VERSION
SEEDS = [
    *(("0.27.0", "seed-b-standalone"), ("0.27.0", "seed-b-ha")),
    *((STAND_IN, "seed-a"), (STAND_IN, "seed-b-ha")),
]
VAULT = ("StatefulSet", "vault")
CONFIGURATION = ("ConfigMap", "vault-config")
NO_MLOCK = "disable_mlock = true"


@dataclass(frozen=True)
class Difference:
    """Something that a version renders otherwise than the stand-in's."""

    reason: str
    undo: Callable[[Objects], Objects]
    """What the stand-in's version would have rendered in its place."""


def _replaced(texts: Mapping[str, str]) -> Callable[[Objects], Objects]:
    """Replaces whole texts, wherever they are."""

    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: replaced(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [replaced(inner) for inner in value]
        return texts.get(value, value) if isinstance(value, str) else value

    return lambda objects: {key: replaced(document) for key, document in objects.items()}


def _mlock_last(objects: Objects) -> Objects:
    data = objects[CONFIGURATION]["data"]
    (name,) = data
    before, first, configuration = data[name].partition(f"{NO_MLOCK}\n")
    assert (before, first) == ("", f"{NO_MLOCK}\n")
    data[name] = f"{configuration}\n\n{NO_MLOCK}"
    return objects


def _annotations_named(objects: Objects) -> Objects:
    objects[VAULT]["spec"]["template"]["metadata"].setdefault("annotations", None)
    return objects


def _named_after(version: str) -> Difference:
    return Difference(
        "the label helm.sh/chart has the chart's version",
        _replaced({f"vault-{version}": f"vault-{STAND_IN}"}),
    )


DIFFERENCES: Mapping[str, Sequence[Difference]] = {
    "0.27.0": [
        _named_after("0.27.0"),
        Difference("0.29.0 began to take JSON as well, and put disable_mlock behind HCL", _mlock_last),
        Difference("0.28.0 made room for a checksum of the configuration", _annotations_named),
    ],
    STAND_IN: [],
}


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sandbox's chart as its older version."""
    return older_chart(tmp_path_factory.mktemp("charts"))


@pytest.mark.parametrize(("version", "seed"), SEEDS)
def test_renders_what_the_official_chart_renders_but_for_known_differences(
    render_chart: Render, chart: Path, version: str, seed: str
) -> None:
    expected = official_rendering(version, seed)
    for difference in DIFFERENCES[version]:
        before = copy.deepcopy(expected)
        expected = difference.undo(expected)
        assert expected != before, f"it isn't so: {difference.reason}"

    rendered = render_chart(values=official_yaml(version, f"{seed}.values.yaml"), chart=chart)

    assert set(rendered) == set(expected)
    for key, document in expected.items():
        assert rendered[key] == document, key


def test_the_older_version_has_the_images_of_the_official_chart(
    helm: Path, chart: Path, tmp_path: Path
) -> None:
    (tmp_path / "Chart.yaml").write_text(f"apiVersion: v2\nname: vault\nversion: {STAND_IN}\n")
    shutil.copy(official_file(STAND_IN, "values.yaml"), tmp_path)

    assert chart_images(chart, helm) == chart_images(tmp_path, helm)

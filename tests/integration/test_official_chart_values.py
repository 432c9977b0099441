"""The sandbox's chart, held against the versions of the official chart that it isn't a stand-in of.

What a version renders otherwise is listed in ``DIFFERENCES``, each with the reason; everything else has to
be equal. ``test_chart.py`` compares with the version that the stand-in is made after.
"""

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.official_chart import official_rendering, official_yaml

Render = Callable[..., dict[tuple[str, str], Any]]
Objects = dict[tuple[str, str], Any]

STAND_IN = "0.29.1"
SEEDS = [("0.27.0", "seed-b-standalone"), ("0.27.0", "seed-b-ha"), ("0.34.1", "seed-a")]
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


def _no_redundancy_zones(objects: Objects) -> Objects:
    (container,) = objects[VAULT]["spec"]["template"]["spec"]["containers"]
    (script,) = container["args"]
    container["args"] = [re.sub(r"if grep .*?\nfi;\n", "", script, flags=re.DOTALL)]
    return objects


def _claims_without_kind(objects: Objects) -> Objects:
    for claim in objects[VAULT]["spec"]["volumeClaimTemplates"]:
        assert (claim.pop("apiVersion"), claim.pop("kind")) == ("v1", "PersistentVolumeClaim")
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
    "0.34.1": [
        _named_after("0.34.1"),
        Difference(
            "the default images of the injector and of its agent are newer",
            _replaced(
                {
                    "hashicorp/vault-k8s:1.7.6": "hashicorp/vault-k8s:1.5.0",
                    "hashicorp/vault:2.0.4": "hashicorp/vault:1.18.1",
                }
            ),
        ),
        Difference(
            "it refuses the placeholder of redundancy zones (Vault Enterprise) where they are off",
            _no_redundancy_zones,
        ),
        Difference(
            "it names the kind of the claims, which the API server does otherwise", _claims_without_kind
        ),
    ],
}


@pytest.mark.parametrize(("version", "seed"), SEEDS)
def test_renders_what_the_official_chart_renders_but_for_known_differences(
    render_chart: Render, version: str, seed: str
) -> None:
    expected = official_rendering(version, seed)
    for difference in DIFFERENCES[version]:
        before = copy.deepcopy(expected)
        expected = difference.undo(expected)
        assert expected != before, f"it isn't so: {difference.reason}"

    rendered = render_chart(values=official_yaml(version, f"{seed}.values.yaml"))

    assert set(rendered) == set(expected)
    for key, document in expected.items():
        assert rendered[key] == document, key

"""What is known of the official Vault chart: values, schema and renderings of some versions.

They are no part of the repository. They are looked for in the folder that ``VAULT_HELM_DATA`` names, else
in ``../shared/data/vault-helm``. ``<seed>.rendered.yaml`` is what ``helm template vault <chart> --namespace
vault --skip-tests`` made of ``<seed>.values.yaml``.
"""

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
VERSIONS = ("0.27.0", "0.29.1", "0.34.1")


def chart_data() -> Path:
    """Return the folder that has a folder for each version of the chart."""
    return Path(os.environ.get("VAULT_HELM_DATA") or REPOSITORY.parent / "shared" / "data" / "vault-helm")


def official_file(version: str, name: str) -> Path:
    """Return a file on one version of the chart; skip the test, and say what is missing, if there is none."""
    path = chart_data() / version / name
    if not path.is_file():
        pytest.skip(f"{path} is missing: set VAULT_HELM_DATA to a folder with {version}/{name}")
    return path


def official_yaml(version: str, name: str) -> Any:
    """The document in a file on one version of the chart."""
    return yaml.safe_load(official_file(version, name).read_text(encoding="utf-8"))


def official_rendering(version: str, seed: str) -> dict[tuple[str, str], Any]:
    """The Kubernetes objects that the chart makes of a seed's values, by kind and name."""
    text = official_file(version, f"{seed}.rendered.yaml").read_text(encoding="utf-8")
    documents = [document for document in yaml.safe_load_all(text) if document is not None]
    return {(document["kind"], document["metadata"]["name"]): document for document in documents}


def leaves(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of all values that aren't objects with values of their own."""
    for name, value in values.items():
        inner = f"{path}{name}"
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{inner}.")
        else:
            yield inner


# Objects whose keys belong to whoever sets them; the chart's defaults for them are no list of what there is.
FREE_OBJECTS = (
    "affinity",
    "annotations",
    "container",
    "extraEnvironmentVars",
    "extraLabels",
    "namespaceSelector",
    "nodeSelector",
    "objectSelector",
    "pod",
    "resources",
)


def unknown_values(version: str, given: Mapping[str, Any]) -> list[str]:
    """The paths of values that one version of the chart neither has nor names in a comment."""
    return _unknown(given, _default_values(version), _commented_names(version), "")


def require_values_of_every_version(given: Mapping[str, Any]) -> None:
    """Fail unless every version of the chart has these values, and its schema takes them."""
    for version in VERSIONS:
        assert unknown_values(version, given) == []
        schema = json.loads(official_file(version, "values.schema.json").read_text(encoding="utf-8"))
        jsonschema.Draft7Validator(schema).validate(given)


@functools.cache
def _default_values(version: str) -> Any:
    return official_yaml(version, "values.yaml")


@functools.cache
def _commented_names(version: str) -> frozenset[str]:
    """Names of values that have no default: a line such as `    #type: ClusterIP` tells of them."""
    text = official_file(version, "values.yaml").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^ *#\s?(\w+):", text, re.MULTILINE))


def _unknown(given: Mapping[str, Any], known: Any, commented: frozenset[str], path: str) -> list[str]:
    unknown: list[str] = []
    for key, value in given.items():
        if key not in known:
            unknown.extend([] if key in commented else [f"{path}{key}"])
        elif key not in FREE_OBJECTS and isinstance(value, dict):
            unknown.extend(_unknown(value, known[key], commented, f"{path}{key}."))
    return unknown

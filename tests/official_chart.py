"""What is known of the official Vault chart: values, schema and renderings of some versions.

They are no part of the repository. They are looked for in the folder that ``VAULT_HELM_DATA`` names, else
in ``../shared/data/vault-helm``. ``<seed>.rendered.yaml`` is what ``helm template vault <chart> --namespace
vault --skip-tests`` made of ``<seed>.values.yaml``.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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

"""Charts that the sandbox can install Vault from: its own stand-in, the official one, or a given one."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from sandbox.errors import SandboxError
from sandbox.layout import Layout

OFFICIAL_CHART = "vault"

CHART_VERSION = "0.34.1"
"""The version of the official chart that the sandbox's own stands in for."""
OLDER_CHART_VERSION = "0.29.1"
"""Another version that it can stand in for."""

# Tags of the official chart's default images, Vault's and vault-k8s's: the older version's by the newer's.
_OLDER_TAGS: Mapping[str, str] = {"2.0.4": "1.18.1", "1.7.6": "1.5.0"}

_IMAGE_VALUES: Mapping[Literal["server", "injector", "agent"], tuple[str, str]] = {
    "server": ("server", "image"),
    "injector": ("injector", "image"),
    "agent": ("injector", "agentImage"),
}

# What Helm 3 prints when a repository or an archive in it does not come (pkg/repo/chartrepo.go and
# pkg/getter/httpgetter.go in helm/helm); Go's HTTP client begins its errors with the method.
_UNREACHABLE = ("cannot be reached", "failed to fetch", 'Get "')


class ChartError(SandboxError):
    """A chart does not exist, cannot be read, or is not a chart of Vault."""


@dataclass(frozen=True)
class ChartImage:
    """A container image that a chart uses by default: ``reference`` is ``<repository>:<tag>``.

    ``agent`` is the image that the injector puts into the pods which it changes.
    """

    role: Literal["server", "injector", "agent"]
    reference: str


def own_chart() -> Path:
    """Return the folder of the sandbox's own chart, which stands in for the official one."""
    return Path(__file__).resolve().parent / "chart" / "vault"


def older_chart(folder: Path) -> Path:
    """Write a copy of the sandbox's own chart that stands in for the older version, and return where it is.

    It goes into a folder below ``folder``; one that is there is replaced.
    """
    copy = folder / f"vault-{OLDER_CHART_VERSION}"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(own_chart(), copy)
    description, values = copy / "Chart.yaml", copy / "values.yaml"
    text = re.sub(r"(?m)^version: .*$", f"version: {OLDER_CHART_VERSION}", description.read_text("utf-8"))
    tags = re.compile(r'(?<=tag: ")[^"]+(?=")')
    description.write_text(
        re.sub(r"(?m)(?<=^appVersion: ).*$", lambda tag: _OLDER_TAGS[tag[0]], text), encoding="utf-8"
    )
    values.write_text(
        tags.sub(lambda tag: _OLDER_TAGS[tag[0]], values.read_text(encoding="utf-8")), encoding="utf-8"
    )
    return copy


def chart_images(chart: Path, helm: Path) -> list[ChartImage]:
    """Return the images of server, injector and agent, from the default values of ``chart``.

    ``chart`` is a folder or an archive: the sandbox's own chart or the official one, of any
    version. Raises ChartError when Helm cannot read it, or its values name no such image.
    """
    shown = subprocess.run(
        [helm, "show", "values", str(chart.absolute())],
        capture_output=True,
        text=True,
        check=False,
    )
    if shown.returncode != 0:
        raise ChartError(
            f"Helm cannot read the chart {chart}: {shown.stderr.strip()}. "
            "Give the folder or the archive of a chart."
        )
    values = yaml.safe_load(shown.stdout)
    return [ChartImage(role, _reference(values, path, chart)) for role, path in _IMAGE_VALUES.items()]


def official_chart_reachable(
    helm: Path, repository: str, version: str, *, layout: Layout, timeout_seconds: float = 10.0
) -> bool:
    """Whether the official chart of ``version`` can be had from ``repository`` (its URL).

    False where the repository does not answer within ``timeout_seconds`` or answers with
    something else than a repository. Helm's caches go below ``layout.home``, never into the
    user's home. Raises ChartError when the answer is that there is no such chart or version, or
    the URL is of no use: a chart other than the wanted one would hide that mistake.
    """
    try:
        shown = subprocess.run(
            [helm, "show", "chart", OFFICIAL_CHART, "--repo", repository, "--version", version],
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            env=_helm_environment(layout),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    if shown.returncode == 0:
        return True
    if any(sign in shown.stderr for sign in _UNREACHABLE):
        return False
    raise ChartError(
        f"The Helm repository {repository} cannot give the chart {OFFICIAL_CHART} {version}: "
        f"{shown.stderr.strip()}. Set a repository and a version that exist."
    )


def _reference(values: object, path: tuple[str, str], chart: Path) -> str:
    image = values
    for key in path:
        image = image.get(key) if isinstance(image, dict) else None
    if isinstance(image, dict):
        repository, tag = image.get("repository"), image.get("tag")
        if isinstance(repository, str) and repository and isinstance(tag, str) and tag:
            return f"{repository}:{tag}"
    raise ChartError(
        f"The default values of the chart {chart} give no repository and tag for {'.'.join(path)}: "
        "it is not a chart of Vault that the sandbox can make images for."
    )


def _helm_environment(layout: Layout) -> dict[str, str]:
    """Return the environment without the user's Helm settings; all of Helm's folders are the sandbox's."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")}
    folders = layout.home / "helm"
    return environment | {
        "HELM_CACHE_HOME": str(folders / "cache"),
        "HELM_CONFIG_HOME": str(folders / "config"),
        "HELM_DATA_HOME": str(folders / "data"),
    }

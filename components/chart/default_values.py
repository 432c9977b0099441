"""Reads a chart's version and default values from where it is: a folder, an archive, a repository."""

import hashlib
import io
import os
import re
import tarfile
from pathlib import Path
from urllib.parse import urljoin

import yaml

from components.errors import DeploymentError

CHART_NAME = "vault"
REQUEST_SECONDS = 30
_VALUES = "values.yaml"
_CHART = "Chart.yaml"


class ChartSourceError(DeploymentError):
    """The chart isn't where the settings say, so the names in `chart.values` can't be checked."""


def packaged_default_values(path: str) -> str:
    """Return the text of ``values.yaml`` in a chart's folder or archive; raise :class:`ChartSourceError`."""
    return _packaged(path, _VALUES)


def packaged_version(path: str) -> str:
    """Return the version that ``Chart.yaml`` in a chart's folder or archive names.

    Raises :class:`ChartSourceError`.
    """
    found = re.search(r"^version:[ \t]*[\"']?([^\"'\s]+)", _packaged(path, _CHART), re.MULTILINE)
    if found is None:
        raise ChartSourceError(f"{_CHART} in {path} names no version. Set chart.path to a chart.")
    return found[1]


def _packaged(path: str, name: str) -> str:
    chart = Path(path)
    try:
        if chart.is_dir():
            return (chart / name).read_text(encoding="utf-8")
        return _in_archive(chart.read_bytes(), name)
    except (OSError, tarfile.TarError, UnicodeDecodeError) as error:
        raise ChartSourceError(
            f"{name} of the chart can't be read: {error}. Set chart.path to the folder or the archive of a "
            "chart."
        ) from error


def published_default_values(repository: str, version: str, ca_file: str | None) -> str:
    """Return the text of ``values.yaml`` of a version in a Helm repository; raise :class:`ChartSourceError`.

    ``ca_file`` has the repository's CA certificates; None for those of this machine. The text is kept in the
    user's cache folder, as a version doesn't change and an index has a megabyte.
    """
    source = hashlib.sha256(repository.encode()).hexdigest()[:16]
    cached = _cache_folder() / source / f"{version}.yaml"
    if cached.is_file():
        return cached.read_text(encoding="utf-8")
    values = _downloaded(repository.removesuffix("/") + "/", version, ca_file)
    cached.parent.mkdir(parents=True, exist_ok=True)
    # Another run may read it at the same time.
    partial = cached.with_suffix(f".{os.getpid()}")
    partial.write_text(values, encoding="utf-8")
    partial.replace(cached)
    return values


def _cache_folder() -> Path:
    configured = os.environ.get("XDG_CACHE_HOME")
    return (Path(configured) if configured else Path.home() / ".cache") / "vault-autounseal" / "charts"


def _downloaded(repository: str, version: str, ca_file: str | None) -> str:
    # Of the commands that read the settings, few need it.
    import requests

    def get(url: str) -> bytes:
        response = requests.get(url, timeout=REQUEST_SECONDS, verify=ca_file or True)
        response.raise_for_status()
        return response.content

    try:
        index = yaml.load(get(urljoin(repository, "index.yaml")), Loader=yaml.CSafeLoader)
        entries = index["entries"][CHART_NAME]
        entry = next((found for found in entries if found["version"] == version), None)
        if entry is None:
            raise ChartSourceError(
                f"Repository {repository} has no version {version} of chart {CHART_NAME}. Set chart.version "
                "to one that it has."
            )
        archive = get(urljoin(repository, entry["urls"][0]))
        digest = entry.get("digest")
        if digest and hashlib.sha256(archive).hexdigest() != digest:
            raise ChartSourceError(
                f"Chart {CHART_NAME} {version} in repository {repository} isn't the one that its index "
                "names: its digest is another one. Ask who runs the repository."
            )
        return _in_archive(archive, _VALUES)
    except (
        requests.RequestException,
        tarfile.TarError,
        yaml.YAMLError,
        UnicodeDecodeError,
        LookupError,
        TypeError,
    ) as error:
        raise ChartSourceError(
            f"The default values of chart {CHART_NAME} {version} can't be read from repository {repository}: "
            f"{error}. They are needed to check the names in chart.values; Pulumi needs the chart, too. "
            "Check chart.repository and the network."
        ) from error


def _in_archive(archive: bytes, wanted: str) -> str:
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            folders, _, name = member.name.removeprefix("./").rpartition("/")
            # Those of subcharts are deeper.
            if name == wanted and folders and "/" not in folders:
                file = files.extractfile(member)
                if file is not None:
                    return file.read().decode()
    raise tarfile.TarError(f"there is no {wanted} in the archive")

"""Whether the official chart can be had, asked of a real Helm and of repositories on loopback."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.charts import CHART_VERSION, ChartError, official_chart_reachable, own_chart
from sandbox.layout import Layout
from sandbox.plugins.kubernetes.helm import ChartReference, Helm, HelmError
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings
from tests.http_server import file_server

USERNAME, PASSWORD = "reader", "not-for-everybody"


@pytest.fixture
def folder(helm: Path, tmp_path: Path) -> Path:
    """The files of a Helm repository that has the sandbox's chart."""
    folder = tmp_path / "repository"
    for command in (["package", str(own_chart()), "--destination"], ["repo", "index"]):
        subprocess.run([helm, *command, str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture
def repository(folder: Path) -> Iterator[str]:
    """The URL of a repository that everybody may read."""
    with file_server(folder) as url:
        yield url


@pytest.fixture
def private_repository(folder: Path) -> Iterator[str]:
    """The URL of a repository that wants a password."""
    with file_server(folder, (USERNAME, PASSWORD)) as url:
        yield url


def test_a_repository_that_has_the_chart_is_told_from_one_that_is_not_there(
    helm: Path, repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path / "sandbox")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    assert official_chart_reachable(helm, repository, CHART_VERSION, layout=layout)
    assert list(layout.home.rglob(f"vault-{CHART_VERSION}.tgz"))
    assert not (tmp_path / "home").exists()
    with pytest.raises(ChartError, match=r'version "9\.9\.9" not found'):
        official_chart_reachable(helm, repository, "9.9.9", layout=layout)
    with pytest.raises(ChartError, match="protocol"):
        official_chart_reachable(helm, "ftp://127.0.0.1", CHART_VERSION, layout=layout)
    shutil.rmtree(tmp_path / "repository")
    assert not official_chart_reachable(helm, repository, CHART_VERSION, layout=layout)
    # Port 1 is privileged and unassigned here: nothing listens on it.
    assert not official_chart_reachable(helm, "http://127.0.0.1:1", CHART_VERSION, layout=layout)


def test_a_private_repository_gives_the_chart_for_its_password_alone(
    helm: Path, private_repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the sandbox's stand-in for the provider plugin, with errors of Helm as the real one has them."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{helm.parent}:/usr/bin:/bin")
    charts = Helm(ClusterSettings(""))

    def version(username: str = "", password: str = "") -> str:
        return charts.chart_version(
            ChartReference("vault", CHART_VERSION, private_repository, username=username, password=password)
        )

    assert version(USERNAME, PASSWORD) == CHART_VERSION
    refused = "is not a valid chart repository or cannot be reached: failed to fetch .* : 401 Unauthorized"
    with pytest.raises(HelmError, match=refused):
        version()
    with pytest.raises(HelmError, match=refused) as raised:
        version(USERNAME, "another one")
    assert "another one" not in str(raised.value)

"""Whether the official chart can be had, asked of a real Helm and of repositories on loopback."""

import base64
import contextlib
import functools
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.charts import ChartError, official_chart_reachable, own_chart
from sandbox.layout import Layout
from sandbox.plugins.kubernetes.helm import ChartReference, Helm, HelmError
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings

USERNAME, PASSWORD = "reader", "not-for-everybody"


class _Files(http.server.SimpleHTTPRequestHandler):
    """Serves a folder."""

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class _FilesOfAUser(_Files):
    """Serves a folder to whoever has the password."""

    def do_GET(self) -> None:
        """Answer 401 without the password."""
        expected = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {expected}":
            super().do_GET()
        else:
            self.send_error(http.HTTPStatus.UNAUTHORIZED)


@pytest.fixture
def folder(helm: Path, tmp_path: Path) -> Path:
    """The files of a Helm repository that has the sandbox's chart."""
    folder = tmp_path / "repository"
    for command in (["package", str(own_chart()), "--destination"], ["repo", "index"]):
        subprocess.run([helm, *command, str(folder)], check=True, capture_output=True)
    return folder


@contextlib.contextmanager
def served(folder: Path, files: type[_Files]) -> Iterator[str]:
    """The URL of a server of files on loopback."""
    handler = functools.partial(files, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def repository(folder: Path) -> Iterator[str]:
    """The URL of a repository that everybody may read."""
    with served(folder, _Files) as url:
        yield url


@pytest.fixture
def private_repository(folder: Path) -> Iterator[str]:
    """The URL of a repository that wants a password."""
    with served(folder, _FilesOfAUser) as url:
        yield url


def test_a_repository_that_has_the_chart_is_told_from_one_that_is_not_there(
    helm: Path, repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path / "sandbox")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    assert official_chart_reachable(helm, repository, "0.29.1", layout=layout)
    assert list(layout.home.rglob("vault-0.29.1.tgz"))
    assert not (tmp_path / "home").exists()
    with pytest.raises(ChartError, match=r'version "9\.9\.9" not found'):
        official_chart_reachable(helm, repository, "9.9.9", layout=layout)
    with pytest.raises(ChartError, match="protocol"):
        official_chart_reachable(helm, "ftp://127.0.0.1", "0.29.1", layout=layout)
    shutil.rmtree(tmp_path / "repository")
    assert not official_chart_reachable(helm, repository, "0.29.1", layout=layout)
    # Port 1 is privileged and unassigned here: nothing listens on it.
    assert not official_chart_reachable(helm, "http://127.0.0.1:1", "0.29.1", layout=layout)


def test_a_private_repository_gives_the_chart_for_its_password_alone(
    helm: Path, private_repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the sandbox's stand-in for the provider plugin, with errors of Helm as the real one has them."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{helm.parent}:/usr/bin:/bin")
    charts = Helm(ClusterSettings(""))

    def version(username: str = "", password: str = "") -> str:
        return charts.chart_version(
            ChartReference("vault", "0.29.1", private_repository, username=username, password=password)
        )

    assert version(USERNAME, PASSWORD) == "0.29.1"
    refused = "is not a valid chart repository or cannot be reached: failed to fetch .* : 401 Unauthorized"
    with pytest.raises(HelmError, match=refused):
        version()
    with pytest.raises(HelmError, match=refused) as raised:
        version(USERNAME, "another one")
    assert "another one" not in str(raised.value)

"""Whether the official chart can be had, asked of a real Helm and of repositories on loopback."""

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


@pytest.fixture
def repository(helm: Path, tmp_path: Path) -> Iterator[str]:
    """The URL of a Helm repository on loopback that has the sandbox's chart."""
    folder = tmp_path / "repository"
    for command in (["package", str(own_chart()), "--destination"], ["repo", "index"]):
        subprocess.run([helm, *command, str(folder)], check=True, capture_output=True)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


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

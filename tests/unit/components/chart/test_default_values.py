import hashlib
import io
import ssl
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from components.chart.default_values import (
    ChartSourceError,
    packaged_default_values,
    packaged_version,
    published_default_values,
)
from sandbox.certificates import CertificateAuthority
from tests.http_server import file_server

VALUES = "server:\n  enabled: true\n"


def archive_of(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


CHART = archive_of(
    {
        "vault/charts/other/values.yaml": "other: 1\n",
        "vault/values.yaml": VALUES,
        "vault/charts/other/Chart.yaml": "version: 9.9.9\n",
        "vault/Chart.yaml": "apiVersion: v2\nappVersion: 1.20.4\nversion: 0.31.0\n",
    }
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    served = tmp_path / "served"
    (served / "charts").mkdir(parents=True)
    (served / "charts" / "vault-0.29.1.tgz").write_bytes(CHART)
    return served


@pytest.fixture
def repository(folder: Path) -> Iterator[str]:
    with file_server(folder) as url:
        yield url


def publish(folder: Path, **entry: object) -> None:
    known = {"version": "0.29.1", "urls": ["charts/vault-0.29.1.tgz"], **entry}
    index = {"entries": {"consul": [], "vault": [{"version": "0.28.0", "urls": ["none"]}, known]}}
    (folder / "index.yaml").write_text(yaml.safe_dump(index))


def test_folder_and_archive(tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    chart.mkdir()
    (chart / "values.yaml").write_text(VALUES)
    assert packaged_default_values(str(chart)) == VALUES
    (tmp_path / "chart.tgz").write_bytes(CHART)
    assert packaged_default_values(str(tmp_path / "chart.tgz")) == VALUES


@pytest.mark.parametrize("content", [None, b"no archive", archive_of({"vault/Chart.yaml": "name: vault\n"})])
def test_what_is_no_chart_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "chart.tgz").write_bytes(content)
    with pytest.raises(ChartSourceError, match=r"Set chart\.path to the folder or the archive"):
        packaged_default_values(str(tmp_path / "chart.tgz"))


@pytest.mark.parametrize("with_digest", [True, False])
def test_repository_is_asked_once_for_a_version(folder: Path, repository: str, with_digest: bool) -> None:
    publish(folder, **({"digest": hashlib.sha256(CHART).hexdigest()} if with_digest else {}))
    assert published_default_values(repository, "0.29.1", None) == VALUES
    (folder / "index.yaml").unlink()
    assert published_default_values(repository, "0.29.1", None) == VALUES
    with pytest.raises(ChartSourceError, match="404"):
        published_default_values(repository, "0.28.0", None)


def test_address_of_an_archive_may_be_absolute(folder: Path, repository: str) -> None:
    publish(folder, urls=[f"{repository}/charts/vault-0.29.1.tgz"])
    assert published_default_values(f"{repository}/", "0.29.1", None) == VALUES


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"version": "0.30.0"}, "has no version 0.29.1"),
        ({"digest": "0" * 64}, "its digest is another one"),
        ({"urls": []}, "can't be read"),
        ({"urls": ["gone.tgz"]}, "404"),
        ({"urls": ["index.yaml"]}, "can't be read"),
    ],
)
def test_repository_without_the_chart_is_refused(
    folder: Path, repository: str, cache: Path, entry: dict[str, object], message: str
) -> None:
    publish(folder, **entry)
    with pytest.raises(ChartSourceError, match=message):
        published_default_values(repository, "0.29.1", None)
    assert not cache.exists()


@pytest.mark.parametrize("index", ["", "[]", "entries: {}", "entries: {vault: 1}", "a: b: c"])
def test_index_of_another_shape_is_refused(folder: Path, repository: str, index: str) -> None:
    (folder / "index.yaml").write_text(index)
    with pytest.raises(ChartSourceError, match=r"Check chart\.repository"):
        published_default_values(repository, "0.29.1", None)


def test_repository_that_does_not_answer_is_named() -> None:
    # Port 1 is privileged and unassigned here: nothing listens on it.
    with pytest.raises(ChartSourceError, match=r"http://127\.0\.0\.1:1/"):
        published_default_values("http://127.0.0.1:1", "0.29.1", None)


def test_repository_is_verified_by_its_own_certificates(folder: Path, tmp_path: Path) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path, "somebody's")
    issued = authority.issue("server", "server", addresses=["127.0.0.1"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(issued.certificate, issued.key)
    publish(folder)
    with file_server(folder, tls=context) as url:
        with pytest.raises(ChartSourceError, match="CERTIFICATE_VERIFY_FAILED"):
            published_default_values(url, "0.29.1", None)
        assert published_default_values(url, "0.29.1", str(authority.certificate)) == VALUES


@pytest.mark.parametrize(
    ("line", "version"),
    [("version: 0.29.1", "0.29.1"), ('version:  "0.29.1+own.2"', "0.29.1+own.2"), ("version: '1'  # x", "1")],
)
def test_version_of_a_folder(tmp_path: Path, line: str, version: str) -> None:
    (tmp_path / "Chart.yaml").write_text(f"name: vault\nappVersion: 1.18.1\n{line}\n")
    assert packaged_version(str(tmp_path)) == version


def test_version_of_an_archive(tmp_path: Path) -> None:
    (tmp_path / "chart.tgz").write_bytes(CHART)
    assert packaged_version(str(tmp_path / "chart.tgz")) == "0.31.0"


def test_chart_without_a_version_is_told(tmp_path: Path) -> None:
    with pytest.raises(ChartSourceError, match=r"Chart.yaml of the chart can't be read"):
        packaged_version(str(tmp_path))
    (tmp_path / "Chart.yaml").write_text("appVersion: 1.18.1\n")
    with pytest.raises(ChartSourceError, match="names no version"):
        packaged_version(str(tmp_path))

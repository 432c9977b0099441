"""The CA of an address for the pods: only with TLS, and one that can be read."""

from pathlib import Path

import pytest

from sandbox.certificates import CertificateAuthority
from tests.unit.fakes.stack_settings import PROJECT, SHAMIR, parse, problems

OVER_TLS = {**SHAMIR, "podAddress": "https://{pod}.example.com"}
NO_FILE = "give the path of a file with CA certificates (PEM)"


def test_ca_of_an_address_with_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    authority = CertificateAuthority.load_or_create(tmp_path, "ca").certificate
    for path in (str(authority), "~/ca.crt"):
        assert parse({**OVER_TLS, "podAddressCaFile": path}).pod_address_ca_file == path


@pytest.mark.parametrize("address", [None, "http://{pod}.example.com"])
def test_ca_without_tls_is_refused(tmp_path: Path, address: str | None) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path, "ca").certificate
    settings = {**SHAMIR, "podAddressCaFile": str(authority), **({"podAddress": address} if address else {})}
    (problem,) = problems(settings)
    assert problem.startswith(f"{PROJECT}:podAddressCaFile is ")
    assert "it belongs to a podAddress with https; remove it" in problem


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff\xfe"])
def test_ca_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    (problem,) = problems({**OVER_TLS, "podAddressCaFile": str(path)})
    assert NO_FILE in problem


def test_folder_is_no_ca(tmp_path: Path) -> None:
    (problem,) = problems({**OVER_TLS, "podAddressCaFile": str(tmp_path)})
    assert NO_FILE in problem


def test_plain_http_to_pods_that_speak_tls_is_refused() -> None:
    address = "http://{pod}.example.com"
    (problem,) = problems({**SHAMIR, "podAddress": address, "tls": {"source": "own"}})
    assert problem.startswith(f"{PROJECT}:podAddress is ")
    assert "don't speak plain HTTP; remove it for the update that brings TLS" in problem
    assert parse({**SHAMIR, "podAddress": address, "tls": {"source": "none"}}).pod_address == address
    assert parse({**OVER_TLS, "tls": {"source": "own"}}).pod_address == OVER_TLS["podAddress"]

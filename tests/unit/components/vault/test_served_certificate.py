"""Looking at what a server shows, whether or not anybody would trust it."""

import socket
from pathlib import Path

from cryptography import x509

from components.vault.served_certificate import served_certificate
from sandbox.certificates import CertificateAuthority
from tests.unit.fakes.scripted_vault import serve_scripted_vault

NAME = "vault-active.secrets.svc"


def test_certificate_is_seen_though_nobody_trusts_it_and_nothing_is_asked(tmp_path: Path) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path, "unknown")
    with serve_scripted_vault(authority, [NAME]) as vault:
        seen = served_certificate(vault.address, "another.name", 5)
    issued = x509.load_pem_x509_certificate((tmp_path / "vault.crt").read_bytes())
    assert seen is not None
    assert x509.load_der_x509_certificate(seen) == issued
    assert vault.requests == []


def test_server_without_tls_shows_none() -> None:
    with serve_scripted_vault() as vault:
        assert served_certificate(vault.address.replace("http:", "https:"), NAME, 5) is None


def test_server_that_says_nothing_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert served_certificate(f"https://127.0.0.1:{silent.getsockname()[1]}", NAME, 0.2) is None

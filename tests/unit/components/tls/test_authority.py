"""The authority of a Vault's own, and the certificates that it signs."""

import contextlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from components.tls.authority import (
    AUTHORITY_LIFETIME,
    Authority,
    create_authority,
    issue,
    renewed,
)
from components.tls.judgement import ServerFiles, judge

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
NAMES = ["vault-active.vault.svc", "*.vault-internal.vault.svc", "127.0.0.1", "::1"]
AUTHORITY = create_authority("vault in namespace vault", NOW)


def files(authority: Authority, days: int = 365, now: datetime = NOW) -> ServerFiles:
    issued = issue(authority, NAMES, days, now)
    return ServerFiles(issued.certificate, issued.key, authority.certificate)


def test_certificate_fits_its_names_and_its_authority() -> None:
    needed = ["vault-active.vault.svc", "vault-0.vault-internal.vault.svc", "127.0.0.1", "::1"]
    judgement = judge(files(AUTHORITY), needed, NOW)
    assert judgement.problems == []
    assert judgement.certificate is not None
    assert judgement.certificate.authority == AUTHORITY.certificate


def test_certificate_lives_as_long_as_it_is_told() -> None:
    issued = issue(AUTHORITY, NAMES, 90, NOW)
    assert issued.not_after == NOW + timedelta(days=90)
    assert issued.not_before == NOW - timedelta(minutes=5)


def test_authority_signs_servers_only() -> None:
    certificate = x509.load_pem_x509_certificate(AUTHORITY.certificate.encode())
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.path_length) == (True, 0)
    assert certificate.not_valid_after_utc - NOW == AUTHORITY_LIFETIME


def test_chain_is_good_enough_for_strict_verification(tmp_path: Path) -> None:
    given = files(create_authority("vault", datetime.now(UTC)), now=datetime.now(UTC))
    (tmp_path / "server.pem").write_text(given.certificate + given.key)
    client = ssl.create_default_context(cadata=given.authority)
    # What Python does by default from 3.13 on.
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.pem")
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    name = "vault-0.vault-internal.vault.svc"
    ends = [
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname=name),
    ]
    while ends:
        for end in [*ends]:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
                ends.remove(end)


def test_authority_is_renewed_with_its_key() -> None:
    later = NOW + timedelta(days=365 * 7)
    new_one = renewed(AUTHORITY, later)
    assert (new_one.key, new_one.certificate) != (AUTHORITY.key, AUTHORITY.certificate)
    assert (new_one.not_before, new_one.not_after) == (
        later - timedelta(minutes=5),
        later + AUTHORITY_LIFETIME,
    )
    # Whoever has either certificate of the authority trusts what either has signed.
    old, new = files(AUTHORITY, 365, later), files(new_one, 365, later)
    for leaf in (old, new):
        for authority in (AUTHORITY, new_one):
            given = ServerFiles(leaf.certificate, leaf.key, authority.certificate)
            assert judge(given, NAMES[:1], later).problems == []


def test_keys_are_in_no_text() -> None:
    issued = issue(AUTHORITY, NAMES, 90, NOW)
    for shown in (repr(AUTHORITY), repr(issued), repr(files(AUTHORITY))):
        assert "PRIVATE" not in shown
    assert serialization.load_pem_private_key(issued.key.encode(), None)


def test_name_may_be_longer_than_a_certificate_takes() -> None:
    long = create_authority("v" * 100, NOW)
    issued = issue(long, ["a" * 63 + ".example.com"], 90, NOW)
    assert x509.load_pem_x509_certificate(issued.certificate.encode()).subject

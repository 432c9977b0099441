import ipaddress
import stat
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from sandbox.certificates import CertificateAuthority, create_rsa_key_pair


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority.load_or_create(tmp_path / "authority", "cloud-ca")


def test_an_authority_is_made_once_and_loaded_from_then_on(tmp_path: Path) -> None:
    first = CertificateAuthority.load_or_create(tmp_path, "ca")
    contents = first.certificate.read_bytes()
    second = CertificateAuthority.load_or_create(tmp_path, "ca")
    assert second.certificate == first.certificate == tmp_path / "ca.crt"
    assert second.certificate.read_bytes() == contents


def test_an_authority_whose_making_was_interrupted_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "ca.key").write_text("half a key")
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    authority.issue("server", "server")


def test_an_authority_may_sign_certificates_and_its_key_is_private(authority: CertificateAuthority) -> None:
    certificate = load(authority.certificate)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value.ca
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc > timedelta(days=3000)
    assert isinstance(
        load_pem_private_key(authority.key.read_bytes(), password=None), ec.EllipticCurvePrivateKey
    )
    assert mode(authority.key) == 0o600


def test_an_issued_certificate_holds_for_its_names_and_addresses_only(
    authority: CertificateAuthority,
) -> None:
    issued = authority.issue(
        "aws", "aws", names=["kms.ap-northeast-2.amazonaws.com"], addresses=["10.244.0.1"]
    )
    policy = PolicyBuilder().store(Store([load(authority.certificate)]))
    certificate = load(issued.certificate)
    for subject in (
        x509.DNSName("kms.ap-northeast-2.amazonaws.com"),
        x509.IPAddress(ipaddress.ip_address("10.244.0.1")),
    ):
        policy.build_server_verifier(subject).verify(certificate, [])
    for subject in (
        x509.DNSName("sts.ap-northeast-2.amazonaws.com"),
        x509.IPAddress(ipaddress.ip_address("10.244.0.2")),
    ):
        with pytest.raises(VerificationError):
            policy.build_server_verifier(subject).verify(certificate, [])
    assert mode(issued.key) == 0o600


def test_openssl_accepts_an_issued_certificate_under_its_strict_rules(
    authority: CertificateAuthority,
) -> None:
    issued = authority.issue("client", "someone", organization="system:masters")
    for purpose in ("sslclient", "sslserver"):
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile"]
        command += [str(authority.certificate), str(issued.certificate)]
        subprocess.run(command, check=True, capture_output=True)


def test_the_subject_is_what_kubernetes_takes_for_user_and_group(authority: CertificateAuthority) -> None:
    subject = load(authority.issue("client", "someone", organization="system:nodes").certificate).subject
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["someone"]
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == [
        "system:nodes"
    ]


def test_certificate_and_key_belong_together(authority: CertificateAuthority) -> None:
    issued = authority.issue("server", "server")
    key = load_pem_private_key(issued.key.read_bytes(), password=None)
    assert key.public_key() == load(issued.certificate).public_key()
    assert issued == authority.issued("server")


def test_issuing_a_name_again_replaces_its_files(authority: CertificateAuthority) -> None:
    first = load(authority.issue("server", "server").certificate)
    second = load(authority.issue("server", "server").certificate)
    assert first.serial_number != second.serial_number


def test_the_authoritys_own_name_is_refused(authority: CertificateAuthority) -> None:
    before = authority.certificate.read_bytes()
    with pytest.raises(ValueError, match="'cloud-ca' is the authority itself"):
        authority.issue("cloud-ca", "anything")
    assert authority.certificate.read_bytes() == before


def test_an_rsa_key_pair_belongs_together_and_is_private(tmp_path: Path) -> None:
    private, public = tmp_path / "keys" / "signing.key", tmp_path / "keys" / "signing.pub"
    create_rsa_key_pair(private, public)
    key = load_pem_private_key(private.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert key.public_key() == load_pem_public_key(public.read_bytes())
    assert mode(private) == 0o600

import ssl
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509.oid import NameOID

from sandbox.certificates import CertificateAuthority, IssuedCertificate, create_rsa_key_pair


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def verifies(authority: CertificateAuthority, issued: IssuedCertificate, *options: str) -> bool:
    """Whether OpenSSL accepts the certificate under its strict rules."""
    command = ["openssl", "verify", "-x509_strict", "-CAfile", str(authority.certificate), *options]
    found = subprocess.run([*command, str(issued.certificate)], capture_output=True, text=True, check=False)
    return found.returncode == 0


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority.load_or_create(tmp_path / "authority", "cloud-ca")


def test_an_authority_is_made_once_and_loaded_from_then_on(tmp_path: Path) -> None:
    first = CertificateAuthority.load_or_create(tmp_path, "ca")
    contents = first.certificate.read_bytes()
    second = CertificateAuthority.load_or_create(tmp_path, "ca")
    assert second.certificate == first.certificate == tmp_path / "ca.crt"
    assert second.certificate.read_bytes() == contents
    assert verifies(first, second.issue("server", "server"))
    assert mode(first.key) == 0o600


def test_an_authority_of_an_earlier_sandbox_goes_on(tmp_path: Path) -> None:
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=cloud "
        "-addext keyUsage=critical,keyCertSign -keyout ca.key -out ca.crt"
    )
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    before = (tmp_path / "ca.crt").read_bytes()
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    assert verifies(authority, authority.issue("server", "server", names=["localhost"]))
    assert authority.certificate.read_bytes() == before


def test_an_authority_whose_making_was_interrupted_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "ca.key").write_text("half a key")
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    authority.issue("server", "server")


def test_an_issued_certificate_holds_for_its_names_and_addresses_only(
    authority: CertificateAuthority,
) -> None:
    issued = authority.issue(
        "aws", "aws", names=["kms.ap-northeast-2.amazonaws.com"], addresses=["10.244.0.1"]
    )
    for option, held, other in (
        ("-verify_hostname", "kms.ap-northeast-2.amazonaws.com", "sts.ap-northeast-2.amazonaws.com"),
        ("-verify_ip", "10.244.0.1", "10.244.0.2"),
    ):
        assert verifies(authority, issued, "-purpose", "sslserver", option, held)
        assert not verifies(authority, issued, "-purpose", "sslserver", option, other)
    assert mode(issued.key) == 0o600


def test_a_clients_certificate_names_no_server(authority: CertificateAuthority) -> None:
    issued = authority.issue("client", "someone", organization="system:masters")
    assert verifies(authority, issued, "-purpose", "sslclient")
    names = load(issued.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    # Go refuses an empty list of them.
    assert [type(name) for name in names] == [x509.RFC822Name]


def test_the_subject_is_what_kubernetes_takes_for_user_and_group(authority: CertificateAuthority) -> None:
    subject = load(authority.issue("client", "someone", organization="system:nodes").certificate).subject
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["someone"]
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == [
        "system:nodes"
    ]


def test_certificate_and_key_belong_together(authority: CertificateAuthority) -> None:
    issued = authority.issue("server", "server")
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(issued.certificate, issued.key)
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

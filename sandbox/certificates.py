"""Certificate authorities of the sandbox: one for the cluster's parts, one for what plays AWS."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.errors import SandboxError

_AUTHORITY_VALIDITY = timedelta(days=3650)
_CERTIFICATE_VALIDITY = timedelta(days=365)
# Machines are rarely exactly on time: a certificate is valid a little before it was made.
_CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class IssuedCertificate:
    """PEM files of a certificate and of its private key (mode 0600)."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class CertificateAuthority:
    """A self-signed authority with an EC P-256 key: ``<name>.crt`` and ``<name>.key`` in ``directory``."""

    directory: Path
    name: str

    @classmethod
    def load_or_create(cls, directory: Path, name: str) -> "CertificateAuthority":
        """Load the authority ``name`` in ``directory``; create it, for ten years, if it is not there."""
        authority = cls(directory, name)
        # The certificate is written last, so an authority whose making was interrupted is made again.
        if not authority.certificate.exists():
            authority._create()
        return authority

    @property
    def certificate(self) -> Path:
        """PEM file of the authority's own certificate."""
        return self.directory / f"{self.name}.crt"

    @property
    def key(self) -> Path:
        """PEM file of the authority's private key (mode 0600)."""
        return self.directory / f"{self.name}.key"

    def issue(
        self,
        name: str,
        common_name: str,
        *,
        organization: str | None = None,
        names: Sequence[str] = (),
        addresses: Sequence[str] = (),
    ) -> IssuedCertificate:
        """Make a key and a certificate valid for a year, in place of earlier ones of this ``name``.

        It serves for TLS servers and clients. ``names`` (DNS) and ``addresses`` (IP) are what a client
        may know the server by. To Kubernetes ``common_name`` is the user and ``organization`` the group
        (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates).

        Raises ValueError when ``name`` is the authority's own or an address is none, and SandboxError
        when the authority's key is of another kind than this class makes.
        """
        if name == self.name:
            raise ValueError(f"{name!r} is the authority itself; its files would be lost")
        authority_certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        authority_key = serialization.load_pem_private_key(self.key.read_bytes(), password=None)
        if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
            raise SandboxError(f"{self.key} holds no EC key; remove {self.directory} and start again")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if organization is not None:
            subject.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
        builder = _builder(
            x509.Name(subject), authority_certificate.subject, key.public_key(), authority=False
        ).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        alternatives: list[x509.GeneralName] = [x509.DNSName(dns_name) for dns_name in names]
        alternatives += [x509.IPAddress(ip_address(address)) for address in addresses]
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificate = builder.sign(authority_key, hashes.SHA256())
        issued = self.issued(name)
        _write_private_key(issued.key, key)
        _replace(issued.certificate, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
        return issued

    def issued(self, name: str) -> IssuedCertificate:
        """Return the files that `issue` writes for ``name``."""
        return IssuedCertificate(
            certificate=self.directory / f"{name}.crt", key=self.directory / f"{name}.key"
        )

    def _create(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        certificate = _builder(subject, subject, key.public_key(), authority=True).sign(key, hashes.SHA256())
        _write_private_key(self.key, key)
        _replace(self.certificate, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)


def create_rsa_key_pair(private_key: Path, public_key: Path) -> None:
    """Write an RSA key of 2048 bits (mode 0600) and its public half, both PEM; the public half comes last.

    For service-account tokens, which EKS signs with RS256
    (https://docs.aws.amazon.com/eks/latest/userguide/irsa-fetch-keys.html).
    """
    private_key.parent.mkdir(parents=True, exist_ok=True)
    public_key.parent.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write_private_key(private_key, key)
    public_bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _replace(public_key, public_bytes, mode=0o644)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool
) -> x509.CertificateBuilder:
    """Begin a certificate with what an authority's and one that it issues have in common."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_TOLERANCE)
        .not_valid_after(now + (_AUTHORITY_VALIDITY if authority else _CERTIFICATE_VALIDITY))
        .add_extension(
            x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=authority,
                crl_sign=authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _write_private_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    # PKCS#8: the one form that every part reads (Go's TLS, Kubernetes' token signer, Python's ssl).
    contents = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _replace(path, contents, mode=0o600)


def _replace(path: Path, contents: bytes, *, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(contents)
    temporary.replace(path)

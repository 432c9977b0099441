"""Creates a certificate authority for the servers of one Vault, and certificates that it signs.

Keys are ECDSA P-256. Sources of the extensions: RFC 5280, sections 4.2.1 and 6, and what OpenSSL wants of a
chain that it verifies strictly (the default of Python from 3.13 on).
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from components.errors import DeploymentError
from components.tls.server_names import is_address

AUTHORITY_LIFETIME = timedelta(days=3652)
_CLOCK_SKEW = timedelta(minutes=5)
_LONGEST_COMMON_NAME = 64
"""In characters (RFC 5280, appendix A.1)."""


@dataclass(frozen=True)
class Authority:
    """A certificate authority."""

    certificate: str
    """PEM."""
    key: str = field(repr=False)
    """PEM; a secret."""

    @property
    def not_before(self) -> datetime:
        """The begin of its certificate."""
        return x509.load_pem_x509_certificate(self.certificate.encode()).not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """The end of its certificate."""
        return x509.load_pem_x509_certificate(self.certificate.encode()).not_valid_after_utc


@dataclass(frozen=True)
class ServerCertificate:
    """A certificate that an authority has signed, and its key."""

    certificate: str
    """PEM."""
    key: str = field(repr=False)
    """PEM; a secret."""
    not_before: datetime
    not_after: datetime


def create_authority(name: str, now: datetime) -> Authority:
    """Create an authority with a key of its own; ``name`` is its common name, as far as that may be long."""
    return _self_signed(ec.generate_private_key(ec.SECP256R1()), name, now)


def renewed(authority: Authority, now: datetime) -> Authority:
    """Return the authority with a new certificate of the same name and key.

    Who has the old certificate verifies what either signs, for as long as that one is valid.
    """
    certificate = x509.load_pem_x509_certificate(authority.certificate.encode())
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return _self_signed(_private_key(authority), str(name.value), now)


def issue(authority: Authority, names: Sequence[str], days: int, now: datetime) -> ServerCertificate:
    """Create a server's certificate for names and addresses, valid for so many days from ``now`` on."""
    signer = x509.load_pem_x509_certificate(authority.certificate.encode())
    signing_key = _private_key(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(names[0], now, timedelta(days=days), key)
        .issuer_name(signer.subject)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False
        )
        .sign(signing_key, hashes.SHA256())
    )
    return ServerCertificate(
        certificate=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key=_pem(key),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _self_signed(key: ec.EllipticCurvePrivateKey, name: str, now: datetime) -> Authority:
    builder = _builder(name, now, AUTHORITY_LIFETIME, key)
    certificate = (
        builder.issuer_name(_name(name))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate.public_bytes(serialization.Encoding.PEM).decode(), _pem(key))


def _builder(
    name: str, now: datetime, lifetime: timedelta, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # The clocks of the nodes may be behind this machine's.
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:_LONGEST_COMMON_NAME])])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(name)) if is_address(name) else x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _private_key(authority: Authority) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(authority.key.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise DeploymentError("The state has no ECDSA key of the certificate authority.")
    return key

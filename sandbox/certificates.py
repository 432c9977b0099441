"""Certificate authorities of the sandbox: one for the cluster's parts, one for what plays AWS."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_CLIENT_EMAIL = "client@sandbox.invalid"


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
        """Load the authority ``name`` in ``directory``; create it if it is not there."""
        authority = cls(directory, name)
        # The certificate is written last, so an authority whose making was interrupted is made again.
        if not authority.certificate.exists():
            directory.mkdir(parents=True, exist_ok=True)
            created = trustme.CA(path_length=0, organization_unit_name=name)
            _replace(authority.key, created.private_key_pem.bytes(), mode=0o600)
            _replace(authority.certificate, created.cert_pem.bytes(), mode=0o644)
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
        """Make a key and a certificate, in place of earlier ones of this ``name``.

        It serves for TLS servers and clients. ``names`` (DNS) and ``addresses`` (IP) are what a client
        may know the server by; without any it serves for clients only. To Kubernetes ``common_name`` is
        the user and ``organization`` the group; without one trustme gives its own name, which has no rights
        (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates).

        Raises ValueError when ``name`` is the authority's own or the authority's files cannot be read as PEM.
        """
        if name == self.name:
            raise ValueError(f"{name!r} is the authority itself; its files would be lost")
        authority = trustme.CA.from_pem(self.certificate.read_bytes(), self.key.read_bytes())
        # trustme writes the list of alternative names even if it is empty, and Go refuses an empty one.
        # An e-mail address stands for no server.
        leaf = authority.issue_cert(
            *([*names, *addresses] or [_CLIENT_EMAIL]),
            common_name=common_name,
            organization_name=organization,
            organization_unit_name=name,
        )
        issued = self.issued(name)
        _replace(issued.key, leaf.private_key_pem.bytes(), mode=0o600)
        _replace(issued.certificate, leaf.cert_chain_pems[0].bytes(), mode=0o644)
        return issued

    def issued(self, name: str) -> IssuedCertificate:
        """Return the files that `issue` writes for ``name``."""
        return IssuedCertificate(
            certificate=self.directory / f"{name}.crt", key=self.directory / f"{name}.key"
        )


def create_rsa_key_pair(private_key: Path, public_key: Path) -> None:
    """Write an RSA key of 2048 bits (mode 0600) and its public half, both PEM; the public half comes last.

    For service-account tokens, which EKS signs with RS256
    (https://docs.aws.amazon.com/eks/latest/userguide/irsa-fetch-keys.html).
    """
    private_key.parent.mkdir(parents=True, exist_ok=True)
    public_key.parent.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    # trustme creates no bare keys.
    private_bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _replace(private_key, private_bytes, mode=0o600)
    public_bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _replace(public_key, public_bytes, mode=0o644)


def _replace(path: Path, contents: bytes, *, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(contents)
    temporary.replace(path)

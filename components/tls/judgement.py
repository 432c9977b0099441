"""Judges a server's certificate before Vault has it: what clients would refuse is found out here.

The rules are those of Go's `crypto/x509`, by which Vault's own clients verify: names count only as subject
alternative names, and a certificate with extended key usages needs server authentication among them. No
problem's text has anything of the key.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from components.tls.server_names import is_address

LEAST_REMAINING = timedelta(days=14)
"""A certificate that ends sooner is overdue: whoever renews it has to have time to. For one that lives for
less than ten weeks it is a fifth of its life: what is renewed at two thirds has a third left.
"""
_LONGEST_CHAIN = 8
_DATE = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True)
class ServerFiles:
    """The entries of a Secret with a server's certificate, as text."""

    certificate: str
    """`tls.crt`: the server's certificate, then those between it and the authority's."""
    key: str = field(repr=False)
    """`tls.key`; a secret."""
    authority: str
    """`ca.crt`: certificates of the authority."""


@dataclass(frozen=True)
class Certificate:
    """A server's certificate as far as the stack records it; nothing of it is secret."""

    authority: str
    """Certificates (PEM) by which clients verify it."""
    serial: str
    """Serial number in hexadecimal digits."""
    not_after: str
    """Its end, as ISO 8601."""


@dataclass(frozen=True)
class Judgement:
    """The findings about the content of a Secret."""

    certificate: Certificate | None
    """None if it can't be read."""
    problems: Sequence[str]
    """Each thing that is wrong with it; empty if it fits."""
    overdue: str = ""
    """That it should have been renewed by now, see :data:`LEAST_REMAINING`; empty if it needn't be yet."""


def judge(files: ServerFiles, needed: Sequence[str], now: datetime) -> Judgement:
    """Return the certificate and what is wrong with it.

    ``needed`` are names and addresses that clients call the server by. ``now`` has a time zone.
    """
    problems: list[str] = []
    chain = _certificates("tls.crt", files.certificate, problems)
    authorities = _certificates("ca.crt", files.authority, problems)
    if not chain or not authorities:
        return Judgement(None, problems)
    leaf = chain[0]
    problems += [
        *_key_problems(leaf, files.key),
        *_time_problems(leaf, now),
        *_usage_problems(leaf),
        *_name_problems(leaf, needed),
        *_chain_problems(chain, authorities, now),
    ]
    found = Certificate(
        # Without the comments that may be between them.
        authority="".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in authorities),
        serial=f"{leaf.serial_number:x}",
        not_after=leaf.not_valid_after_utc.isoformat(),
    )
    return Judgement(found, problems, _overdue(leaf, now))


def _certificates(entry: str, text: str, problems: list[str]) -> Sequence[x509.Certificate]:
    if not text.strip():
        problems.append(f"it has no entry {entry}")
        return ()
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        problems.append(f"{entry} has no readable certificate (PEM)")
        return ()


def _key_problems(leaf: x509.Certificate, text: str) -> list[str]:
    if not text.strip():
        return ["it has no entry tls.key"]
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Not the library's message, which may quote the text.
        return ["tls.key has no private key that is readable without a password (PEM)"]
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        return ["tls.key isn't the key of the certificate in tls.crt"]
    return []


def _time_problems(leaf: x509.Certificate, now: datetime) -> list[str]:
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now < begins:
        return [f"it isn't valid before {begins.strftime(_DATE)}; is this machine's clock right?"]
    if now >= ends:
        return [f"it expired at {ends.strftime(_DATE)}"]
    return []


def _overdue(leaf: x509.Certificate, now: datetime) -> str:
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if not timedelta() < ends - now < min(LEAST_REMAINING, (ends - begins) / 5):
        return ""
    return f"it expires at {ends.strftime(_DATE)}, and should have been renewed by now"


def _usage_problems(leaf: x509.Certificate) -> list[str]:
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return []
    if {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & {*usages}:
        return []
    return ["its extended key usage has no server authentication (serverAuth)"]


def _name_problems(leaf: x509.Certificate, needed: Sequence[str]) -> list[str]:
    missing = missing_names(leaf, needed)
    return [f"it lacks the subject alternative names {', '.join(missing)}"] if missing else []


def missing_names(leaf: x509.Certificate, needed: Sequence[str]) -> Sequence[str]:
    """Return which of these names and addresses the certificate isn't for."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return tuple(needed)
    hosts = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    addresses = {*names.get_values_for_type(x509.IPAddress)}
    return tuple(
        name
        for name in needed
        if not (ipaddress.ip_address(name) in addresses if is_address(name) else _matches(name, hosts))
    )


def _matches(name: str, hosts: set[str]) -> bool:
    """Return whether a host name is among those of a certificate; `*` is one whole first label of it."""
    lower = name.lower()
    _, dot, parent = lower.partition(".")
    return lower in hosts or (bool(dot) and f"*.{parent}" in hosts)


def _chain_problems(
    chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], now: datetime
) -> list[str]:
    current = chain[0]
    for between in range(_LONGEST_CHAIN):
        if current in authorities or any(
            _signed(current, one, between) for one in authorities if _valid(one, now)
        ):
            return []
        issuer = next((one for one in chain[1:] if one != current and _signed(current, one, between)), None)
        if issuer is None or not _valid(issuer, now):
            break
        current = issuer
    name = chain[0].issuer.rfc4514_string()
    return [
        "no certificate in ca.crt that is valid now and may sign has signed it, by itself or by tls.crt's "
        f"({name})"
    ]


def _signed(certificate: x509.Certificate, issuer: x509.Certificate, between: int) -> bool:
    """Return whether an issuer has signed it, and may with so many ``between`` it and the server's."""
    if not _may_sign(issuer, between):
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _may_sign(issuer: x509.Certificate, between: int) -> bool:
    """Return whether an issuer's extensions let it sign (CheckSignatureFrom and isValid in verify.go)."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    try:
        signs = issuer.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        signs = True
    longest = constraints.path_length
    return constraints.ca and signs and (longest is None or between <= longest)


def _valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc

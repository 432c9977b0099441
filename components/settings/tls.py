"""Reads how Vault's servers come by a certificate."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from components.config.patterns import DNS_NAME, SECRET_NAME
from components.config.reader import ConfigReader
from components.tls.server_names import is_address

TlsSource = Literal["none", "own", "cert-manager", "secret"]
_DESCRIBED: Sequence[TlsSource] = ("cert-manager", "secret")
"""Those that need more of the section, which a state doesn't tell."""
_SOURCES: Sequence[TlsSource] = ("none", "own", "cert-manager", "secret")
_MOST_DAYS = 1095
"""The authority is renewed while it is valid for longer."""


@dataclass(frozen=True)
class Issuer:
    """The issuer of cert-manager that signs the certificate."""

    name: str
    kind: str
    group: str


@dataclass(frozen=True)
class TlsSettings:
    """The certificate of Vault's servers."""

    source: TlsSource = "none"
    """Who makes it; `none` leaves the listener to plain HTTP."""
    declared: bool = False
    """Whether there is TLS, or a section at all. With one and source `none`, pods may speak TLS still."""
    secret: str | None = None
    """Name of the Secret that has it; None for a name that is the chart's with a suffix."""
    extra_names: Sequence[str] = ()
    """Further names and addresses by which it is called."""
    lifetime_days: int = 365
    """For how many days a certificate that the stack or cert-manager makes is valid."""
    issuer: Issuer | None = None
    """The issuer; None unless cert-manager makes the certificate."""

    @property
    def enabled(self) -> bool:
        """Whether Vault speaks TLS."""
        return self.source != "none"


def read_tls(settings: ConfigReader, *, default: TlsSource) -> TlsSettings:
    """Read the section ``tls``; ``default`` is the source if none is set."""
    reader = settings.section("tls")
    if default in _DESCRIBED and not reader.has("source"):
        reader.report(
            "source",
            f"Vault has a certificate of source {default}; set that again with what belongs to it, own for "
            "one that the stack makes, or none for plain HTTP",
        )
    source = reader.choice(
        "source",
        default,
        _SOURCES,
        "own has the stack make a certificate, secret is for one that is there, with none Vault speaks HTTP",
    )
    if source == "none":
        reader.not_applicable(
            ("secret", "extraNames"),
            "with source none there is no certificate; set another source, or remove it",
        )
    secret = reader.text("secret", None, SECRET_NAME, "name a Secret in Vault's namespace")
    fix = "give a list of host names and IP addresses"
    names = reader.texts("extraNames", fix)
    if not all(is_address(name) or re.fullmatch(rf"(\*\.)?{DNS_NAME}", name) for name in names):
        reader.report("extraNames", fix)
        names = ()
    days = reader.integer(
        "lifetimeDays",
        90 if source == "cert-manager" else 365,
        range(1, _MOST_DAYS + 1),
        f"give 1 to {_MOST_DAYS} days",
    )
    if source not in ("own", "cert-manager"):
        reader.not_applicable(("lifetimeDays",), f"with source {source} nothing is made; remove it")
    issuer = None
    if source == "cert-manager":
        issuer = _issuer(reader.section("issuer"))
    else:
        reader.not_applicable(("issuer",), "it is for source cert-manager; remove it")
    reader.unknown_keys()
    return TlsSettings(
        source=source,
        declared=settings.has("tls") or source != "none",
        secret=secret,
        extra_names=names,
        lifetime_days=days,
        issuer=issuer,
    )


def _issuer(reader: ConfigReader) -> Issuer:
    issuer = Issuer(
        name=reader.required_text("name", DNS_NAME, "name an issuer of cert-manager"),
        kind=reader.text("kind", "ClusterIssuer", r"[A-Za-z]+", "give its kind: ClusterIssuer or Issuer"),
        group=reader.text("group", "cert-manager.io", DNS_NAME, "give the group of its kind"),
    )
    reader.unknown_keys()
    return issuer

"""Reads how Vault's servers come by a certificate."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from components.config.patterns import DNS_NAME, SECRET_NAME
from components.config.reader import ConfigReader
from components.tls.server_names import is_address

TlsSource = Literal["none", "secret"]
_SOURCES: Sequence[TlsSource] = ("none", "secret")


@dataclass(frozen=True)
class TlsSettings:
    """The certificate of Vault's servers."""

    source: TlsSource = "none"
    """Who makes it; `none` leaves the listener to plain HTTP."""
    declared: bool = False
    """Whether there is a section at all. With one and source `none`, pods may speak TLS still."""
    secret: str | None = None
    """Name of the Secret that has it; None for a name that is the chart's with a suffix."""
    extra_names: Sequence[str] = ()
    """Further names and addresses by which it is called."""

    @property
    def enabled(self) -> bool:
        """Whether Vault speaks TLS."""
        return self.source != "none"


def read_tls(settings: ConfigReader) -> TlsSettings:
    """Read the section ``tls``."""
    reader = settings.section("tls")
    source = reader.choice(
        "source",
        "none",
        _SOURCES,
        "secret is for a certificate that you have, with none Vault speaks plain HTTP",
    )
    if source == "none":
        reader.not_applicable(("secret", "extraNames"), "with source none there is no certificate; remove it")
    secret = reader.text("secret", None, SECRET_NAME, "name a Secret in Vault's namespace")
    fix = "give a list of host names and IP addresses"
    names = reader.texts("extraNames", fix)
    if not all(is_address(name) or re.fullmatch(rf"(\*\.)?{DNS_NAME}", name) for name in names):
        reader.report("extraNames", fix)
        names = ()
    reader.unknown_keys()
    return TlsSettings(source=source, declared=settings.has("tls"), secret=secret, extra_names=names)

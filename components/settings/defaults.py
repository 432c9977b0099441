"""Decides the defaults of Vault's version, the chart's and TLS: a deployed stack keeps what it has."""

from collections.abc import Sequence

from components.config.reader import ConfigReader
from components.settings.deployed_vault import DeployedVault
from components.settings.tls import TlsSource

IMAGE_TAG = "1.21.2"
"""The Vault of new stacks."""
CHART_VERSION = "0.34.1"
"""The chart of new stacks."""
TLS_SOURCE: TlsSource = "own"
"""Where the servers of new stacks have their certificate from."""


def default_image_tag(deployed: DeployedVault | None) -> str:
    """Return the tag of Vault's image if none is set."""
    return (deployed.image_tag if deployed is not None else None) or IMAGE_TAG


def default_chart_version(deployed: DeployedVault | None) -> str:
    """Return the version of the chart if none is set."""
    return (deployed.chart_version if deployed is not None else None) or CHART_VERSION


def default_tls_source(deployed: DeployedVault | None, *, has_pod_address: bool, adopts: bool) -> TlsSource:
    """Return the source of the certificate if none is set.

    `own` doesn't fit a new stack with an address of the pods, which says already how they are spoken to and
    whose CA would have to be known before, nor one that adopts a Vault, which speaks as it did.
    """
    if deployed is not None:
        return deployed.tls_source
    return "none" if has_pod_address or adopts else TLS_SOURCE


def kept_defaults(settings: ConfigReader, deployed: DeployedVault | None) -> str | None:
    """Return the line that says what a deployed stack keeps and a new one wouldn't get; None if nothing."""
    if deployed is None:
        return None
    kept: list[tuple[str, str, str]] = []
    if deployed.image_tag not in (None, IMAGE_TAG) and not settings.section("image").has("tag"):
        kept.append((f"Vault {deployed.image_tag}", IMAGE_TAG, "image.tag"))
    chart = settings.section("chart")
    if deployed.chart_version not in (None, CHART_VERSION) and not (
        chart.has("version") or chart.has("path")
    ):
        kept.append((f"chart {deployed.chart_version}", CHART_VERSION, "chart.version"))
    if deployed.tls_source == "none" and not settings.section("tls").has("source"):
        kept.append(("plain HTTP", f"TLS ({TLS_SOURCE})", "tls.source"))
    if not kept:
        return None
    what, new, keys = zip(*kept, strict=True)
    are, them = ("is", "it") if len(kept) == 1 else ("are", "them")
    return (
        f"{_listed(what)} {are} kept, as the stack has {them}; new stacks get {_listed(new)}: "
        f"set {_listed(keys)} to move (docs/operations.md#versions-that-a-stack-keeps)"
    )


def _listed(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last

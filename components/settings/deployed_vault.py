"""Reads from the stack's state which Vault it has deployed, whose versions and TLS outlive other defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from components.resource_types import (
    CERTIFICATE,
    GIVEN_CERTIFICATE,
    INSTALLED_RELEASE,
    OPERATOR_INIT,
    OWN_CERTIFICATE,
    RELEASE,
    RELEASE_GUARD,
    STACK,
)
from components.settings.deployed_identity import DeployedIdentity, deployed_identity
from components.settings.tls import TlsSource
from components.stack_state import Outputs

RECORDING_TYPES = (
    CERTIFICATE,
    GIVEN_CERTIFICATE,
    INSTALLED_RELEASE,
    OPERATOR_INIT,
    OWN_CERTIFICATE,
    RELEASE,
    RELEASE_GUARD,
    STACK,
)
"""The types of the resources by which a state tells of its Vault."""
_REQUEST = "server-certificate"
"""Name of the resource by which cert-manager is asked; others of its type may be another program's."""


@dataclass(frozen=True)
class DeployedVault:
    """The versions and the TLS of a deployed stack, which keeps them while no setting says otherwise."""

    image_tag: str | None
    """Tag of Vault's image; None if the state doesn't say."""
    chart_version: str | None
    """Version of the chart; None if the state doesn't say."""
    tls_source: TlsSource
    """Who made the certificate; `none` if Vault speaks plain HTTP."""
    identity: DeployedIdentity | None = None
    """None if the state doesn't say."""


def deployed_vault(recorded: Mapping[str, Outputs]) -> DeployedVault | None:
    """Return the Vault that a state records, of this or an earlier version; None if it has none yet.

    ``recorded`` has the resources of :data:`RECORDING_TYPES`. A state has a Vault once it has the release,
    that of others (`release: false`), or the init, which outlives a release that somebody took out of it.
    """
    if not any(recorded[type_] for type_ in (RELEASE, INSTALLED_RELEASE, OPERATOR_INIT)):
        return None
    release, outputs = _only(recorded[RELEASE]), _only(recorded[STACK])
    values = release.get("values") if release else _exported_values(outputs)
    # A part of an export that is a secret is no value of the chart.
    known = values if isinstance(values, Mapping) and "server" in values else {}
    chart = release.get("version") if release else outputs.get("chart_version")
    return DeployedVault(
        image_tag=_text((known.get("server") or {}).get("image", {}).get("tag")) or _older_tag(recorded),
        chart_version=_text(chart),
        tls_source=_tls_source(recorded, known),
        identity=deployed_identity(known.get("server") or {}),
    )


def _only(resources: Outputs) -> Mapping[str, Any]:
    return next(iter(resources.values()), {})


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _exported_values(outputs: Mapping[str, Any]) -> Any:
    """Return the values that a stack without a release of its own has exported for others."""
    text = _text(outputs.get("chart_values"))
    return yaml.safe_load(text) if text is not None else None


def _older_tag(recorded: Mapping[str, Outputs]) -> str | None:
    """Return the tag where no values tell: that of the last update, or of the Vault that it has verified."""
    image = _text(_only(recorded[RELEASE_GUARD]).get("image"))
    if image is not None:
        return image.rpartition(":")[2]
    version = _text(_only(recorded[STACK]).get("vault_version"))
    # Enterprise's servers say 1.18.1+ent, and a tag can't.
    return version.replace("+", "-") if version is not None else None


def _tls_source(recorded: Mapping[str, Outputs], values: Mapping[str, Any]) -> TlsSource:
    given = recorded[GIVEN_CERTIFICATE]
    if values:
        enabled = (values.get("global") or {}).get("tlsDisable") is False
    else:
        enabled = bool(given or recorded[OWN_CERTIFICATE])
    if not enabled:
        return "none"
    # A state that was lost, and imported, has no certificate: the stack makes its own again.
    if not given:
        return "own"
    return "cert-manager" if _REQUEST in recorded[CERTIFICATE] else "secret"

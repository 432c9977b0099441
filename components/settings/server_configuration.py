"""Reads what Vault's configuration has beside that which the program writes from other settings."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.config.hcl import HclError, top_level_names
from components.config.reader import ConfigReader

_MAX_LENGTH = 100_000
"""In characters; a ConfigMap takes 1 MiB, and Helm stores the values in a Secret of that size, too."""

_IN_STORAGE = "mode chooses the storage, and raft.* tune it"
_IN_SEAL = "the setting seal chooses it"
_BY_CHART = "the chart sets it already"
OWNED: Mapping[str, str] = {
    "api_addr": _BY_CHART,
    "backend": _IN_STORAGE,
    "cluster_addr": _BY_CHART,
    "disable_clustering": "mode chooses whether there is a cluster",
    "disable_mlock": _BY_CHART,
    "ha_backend": _IN_STORAGE,
    "ha_storage": _IN_STORAGE,
    "hsm": _IN_SEAL,
    "kms": _IN_SEAL,
    "listener": "the settings listener.* are for it",
    "seal": _IN_SEAL,
    "service_registration": "mode chooses whether there is one",
    "storage": _IN_STORAGE,
    "ui": "the setting ui is for it",
}
"""Names that the program or the chart writes itself, each with what to use instead."""

_FOR_TLS = "tls.source is for it"
_FOR_PROXIES = "listener.forwardedFor is for it"
OWNED_BY_LISTENER: Mapping[str, str] = {
    "address": "the chart's Services lead to port 8200",
    "cluster_address": "Vault's pods find each other at port 8201",
    "require_request_header": "kubelet's probes are without that header",
    "telemetry": "listener.unauthenticatedMetricsAccess is for it",
    "tls_cert_file": _FOR_TLS,
    "tls_disable": _FOR_TLS,
    "tls_key_file": _FOR_TLS,
    "x_forwarded_for_authorized_addrs": _FOR_PROXIES,
    "x_forwarded_for_hop_skips": _FOR_PROXIES,
    "x_forwarded_for_reject_not_authorized": _FOR_PROXIES,
    "x_forwarded_for_reject_not_present": _FOR_PROXIES,
}
"""The same of the listener's parameters."""

OWNED_BY_RAFT: Mapping[str, str] = {
    "autopilot_reconcile_interval": "raft.autopilotReconcileInterval is for it",
    "autopilot_update_interval": "raft.autopilotUpdateInterval is for it",
    "node_id": "the chart sets it to the pod's name",
    "path": "Vault's data are on the volume of dataStorage",
    "performance_multiplier": "raft.performanceMultiplier is for it",
    "retry_join": "raft.retryJoin is for it",
    "retry_join_as_non_voter": "every pod is a voter",
}
"""The same of raft's parameters."""

UNAUTHENTICATED_ACCESS = "enable_unauthenticated_access"


@dataclass(frozen=True)
class ExtraConfiguration:
    """HCL of the user's own, for Vault's configuration or a stanza of it."""

    text: str = field(default="", repr=False)
    """Empty for none."""
    secret: bool = False
    """Whether it is a secret in the stack's configuration, and so has to be one in the state."""


@dataclass(frozen=True)
class ListenerSettings:
    """Parameters of Vault's listener beside its addresses."""

    forwarded_for_addresses: Sequence[str] = ()
    """Addresses or ranges whose header X-Forwarded-For is believed; empty for none."""
    forwarded_for_hop_skips: int = 0
    """How many addresses at the end of that header are passed over."""
    forwarded_for_reject_others: bool = True
    """Whether a request that has the header and comes from elsewhere is refused."""
    unauthenticated_metrics: bool = False
    """Whether `sys/metrics` is readable without a token."""
    extra: ExtraConfiguration = field(default_factory=ExtraConfiguration)
    """More of the listener's parameters."""


def read_listener(reader: ConfigReader) -> ListenerSettings:
    """Read the section ``listener``."""
    forwarded = reader.section("forwardedFor")
    fix = "give a list of addresses or ranges, such as [10.0.0.0/8]"
    addresses = forwarded.texts("authorizedAddresses", fix)
    if not all(map(_is_network, addresses)):
        forwarded.report("authorizedAddresses", fix)
        addresses = ()
    settings = ListenerSettings(
        forwarded_for_addresses=addresses,
        forwarded_for_hop_skips=forwarded.integer("hopSkips", 0, range(100), "give a number of proxies"),
        forwarded_for_reject_others=forwarded.flag("rejectNotAuthorized", True),
        unauthenticated_metrics=reader.flag("unauthenticatedMetricsAccess", False),
        extra=read_stanza(reader, OWNED_BY_LISTENER),
    )
    if not forwarded.has("authorizedAddresses"):
        forwarded.not_applicable(
            ("hopSkips", "rejectNotAuthorized"), "Vault reads the header only with authorizedAddresses, too"
        )
    forwarded.unknown_keys()
    reader.unknown_keys()
    return settings


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def read_extra_configuration(
    reader: ConfigReader, *, unauthenticated: bool, telemetry: bool
) -> ExtraConfiguration:
    """Read ``extraConfig``; ``unauthenticated``: whether the program lets calls be made without a token.

    ``telemetry`` says whether the program writes that stanza, of which Vault takes only one.
    """
    owned = {**OWNED}
    if unauthenticated:
        owned[UNAUTHENTICATED_ACCESS] = "init.unauthenticatedGenerateRoot sets it"
    if telemetry:
        owned["telemetry"] = "metrics.enabled writes it, and Vault takes only one"
    return read_stanza(reader, owned)


def read_stanza(reader: ConfigReader, owned: Mapping[str, str]) -> ExtraConfiguration:
    """Read ``extraConfig``, HCL without the ``owned`` names, each of which has what to use instead.

    Its text is in no error, as it has many lines and may be a secret.
    """
    key = "extraConfig"
    reader.skip(key)
    hidden = reader.hiding_values()
    fix = f"give HCL of at most {_MAX_LENGTH} characters"
    text = hidden.text(key, "", r"(?s).*\S.*", fix, _MAX_LENGTH)
    try:
        names = top_level_names(text)
    except HclError as error:
        hidden.report(key, f"Vault couldn't read it: {error}")
        names = ()
    for name in names:
        # Vault tells no capital letters from small ones.
        if instead := owned.get(name.name.lower()):
            hidden.report(key, f"line {name.line}: remove {name.name.lower()}: {instead}")
    before, template, _ = text.partition("{{")
    if template:
        line = before.count("\n") + 1
        hidden.report(
            key, f"line {line}: Helm would evaluate what begins with {{{{; write what it stands for"
        )
    return ExtraConfiguration(text, reader.is_secret(key))

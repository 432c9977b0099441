"""Reads which Gateway leads to Vault."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.chart.default_values import packaged_default_values
from components.chart.value_names import unknown_names
from components.config.patterns import DNS_LABEL, DNS_NAME
from components.config.reader import ConfigReader
from components.errors import SettingsError

_FIRST_CHART = (0, 34, 0)
"""The first version of the chart that has a route (vault-helm, CHANGELOG)."""
_NEWER_CHART = "the chart has a route from version 0.34.0 on; use such a chart, or remove gateway"


@dataclass(frozen=True)
class GatewaySettings:
    """A route of the Gateway API to the active Vault."""

    parent_refs: Sequence[Mapping[str, Any]]
    """The Gateways that serve it: ``name``; ``namespace``, ``sectionName`` and ``port`` if they are given."""
    hostnames: Sequence[str]
    """Its host names; empty for those of the Gateways' listeners."""
    backend_policy: bool = False
    """Whether a policy has them speak TLS to Vault."""


def read_gateway(settings: ConfigReader, *, chart_version: str | None, tls: bool) -> GatewaySettings | None:
    """Read ``gateway``; None without it.

    ``chart_version`` is None for a chart on this machine; ``tls`` says whether Vault speaks TLS.
    """
    settings.skip("gateway")
    if not settings.has("gateway"):
        return None
    if chart_version is not None and _numbers(chart_version) < _FIRST_CHART:
        settings.report("gateway", _NEWER_CHART)
    reader = settings.section("gateway")
    parents = reader.sections(
        "parentRefs", "give a list of Gateways, such as [{name: public}]", required=True
    )
    fix = "give a list of host names"
    hostnames = reader.texts("hostnames", fix)
    if not all(re.fullmatch(rf"(\*\.)?{DNS_NAME}", name) for name in hostnames):
        reader.report("hostnames", fix)
    policy = reader.flag("backendTlsPolicy", True)
    if not tls:
        reader.not_applicable(
            ("backendTlsPolicy",), "Vault speaks HTTP; set tls.source as well, or remove it"
        )
    gateway = GatewaySettings([_parent(parent) for parent in parents], hostnames, policy and tls)
    reader.unknown_keys()
    return gateway


def _parent(reader: ConfigReader) -> Mapping[str, Any]:
    fields = {
        "name": reader.required_text("name", DNS_NAME, "name a Gateway"),
        "namespace": reader.text("namespace", None, DNS_LABEL, "name the Gateway's namespace"),
        "sectionName": reader.text("sectionName", None, DNS_NAME, "name a listener of the Gateway"),
        "port": reader.integer("port", 0, range(1, 65536), "give the port of a listener"),
    }
    reader.unknown_keys()
    return {name: value for name, value in fields.items() if reader.has(name)}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def require_route(gateway: GatewaySettings | None, chart_path: str | None) -> None:
    """Raise :class:`SettingsError` if there is a Gateway, and the chart on this machine has no route."""
    if gateway is None or chart_path is None:
        return
    if unknown_names({"server": {"httproute": {}}}, packaged_default_values(chart_path)):
        raise SettingsError([f"gateway isn't for the chart at chart.path: {_NEWER_CHART}"])

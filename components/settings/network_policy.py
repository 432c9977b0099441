"""Reads whom Vault's pods may talk with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.config.patterns import DNS_LABEL
from components.config.reader import ConfigReader
from components.settings.address_ranges import read_ranges

_PORTS = range(1, 65536)


@dataclass(frozen=True)
class EgressSettings:
    """A further destination of Vault's, such as a database that it has credentials for."""

    port: int
    """Its TCP port."""
    ranges: Sequence[str]
    """Its addresses (CIDR); empty for any."""


@dataclass(frozen=True)
class NetworkPolicySettings:
    """A NetworkPolicy for Vault's pods."""

    clients: Sequence[str]
    """Namespaces whose pods may use Vault's API."""
    client_ranges: Sequence[str]
    """Addresses (CIDR) outside of the cluster that may use it."""
    service_ranges: Sequence[str]
    """Addresses (CIDR) of the API server and of the seal's service; empty for any."""
    api_server_port: int
    """The port on which the API server itself listens, behind its Service."""
    egress: Sequence[EgressSettings]


def read_network_policy(
    settings: ConfigReader, chart_values: Mapping[str, Any], *, managed: bool
) -> NetworkPolicySettings | None:
    """Read ``networkPolicy``; None without it.

    ``chart_values`` are those that the user gives the chart; ``managed`` says whether the cluster is an EKS
    or GKE one.
    """
    settings.skip("networkPolicy")
    if not settings.has("networkPolicy"):
        return None
    server = chart_values.get("server")
    if isinstance(server, dict) and server.get("networkPolicy"):
        settings.report(
            "networkPolicy",
            "chart.values.server.networkPolicy lets all namespaces through beside it; remove one of the two",
        )
    reader = settings.section("networkPolicy")
    fix = "give a list of namespaces"
    clients = reader.texts("clients", fix)
    if not all(re.fullmatch(DNS_LABEL, name) for name in clients):
        reader.report("clients", fix)
    policy = NetworkPolicySettings(
        clients=clients,
        client_ranges=read_ranges(reader, "clientRanges"),
        service_ranges=read_ranges(reader, "serviceRanges"),
        api_server_port=reader.integer(
            "apiServerPort", 443 if managed else 6443, _PORTS, "give the port of the API server's endpoints"
        ),
        egress=[
            _egress(entry)
            for entry in reader.sections("egress", "give a list of objects, such as {port: 5432, ranges}")
        ],
    )
    reader.unknown_keys()
    return policy


def _egress(reader: ConfigReader) -> EgressSettings:
    if not reader.has("port"):
        reader.report("port", "give the TCP port of a destination")
    egress = EgressSettings(
        port=reader.integer("port", 0, _PORTS, "give the TCP port of a destination"),
        ranges=read_ranges(reader, "ranges"),
    )
    reader.unknown_keys()
    return egress

"""Computes the NetworkPolicy of Vault's pods.

NetworkPolicies add up, so this one takes nothing away from what others let through to Vault's pods.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from components.chart.default_values import CHART_NAME
from components.settings import Settings
from components.settings.network_policy import NetworkPolicySettings
from components.vault.ports import API_PORT, CLUSTER_PORT

_DNS_PORT = 53
_HTTPS_PORT = 443


def server_policy(settings: Settings, policy: NetworkPolicySettings) -> Mapping[str, Any]:
    """Return the specification: who reaches Vault's pods, and whom they reach.

    The kubelet reaches the pods of its node in any case, and so do its probes and port-forward.
    """
    servers = {"podSelector": {"matchLabels": server_labels(settings.release_name)}}
    readers = settings.metrics.namespaces if settings.metrics is not None else ()
    clients = [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
        for name in dict.fromkeys((*policy.clients, *readers))
    ]
    return {
        "podSelector": servers["podSelector"],
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {"from": [servers, *clients, *_blocks(policy.client_ranges)], "ports": _tcp(API_PORT)},
            {"from": [servers], "ports": _tcp(CLUSTER_PORT)},
        ],
        "egress": [
            {"to": [servers], "ports": _tcp(API_PORT, CLUSTER_PORT)},
            # The resolver may be pods, a Service, or a link-local address of the node or the cloud.
            {"ports": [{"port": _DNS_PORT, "protocol": protocol} for protocol in ("UDP", "TCP")]},
            # A network plugin checks the API server's address before or after its Service's translation.
            _to(policy.service_ranges, *dict.fromkeys((_HTTPS_PORT, policy.api_server_port))),
            *(
                _to(destination.ranges or policy.service_ranges, *destination.ports)
                for seal in settings.seals
                for destination in seal.destinations
            ),
            *(_to(further.ranges, further.port) for further in policy.egress),
        ],
    }


def server_labels(release_name: str) -> Mapping[str, str]:
    """Return the labels by which the chart's StatefulSet selects its pods."""
    return {
        "app.kubernetes.io/name": CHART_NAME,
        "app.kubernetes.io/instance": release_name,
        "component": "server",
    }


def _to(ranges: Sequence[str], *ports: int) -> Mapping[str, Any]:
    """Return a rule for these ranges; without any for all destinations, which an empty list means, too."""
    return {**({"to": _blocks(ranges)} if ranges else {}), "ports": _tcp(*ports)}


def _blocks(ranges: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    return [{"ipBlock": {"cidr": cidr}} for cidr in ranges]


def _tcp(*ports: int) -> Sequence[Mapping[str, Any]]:
    return [{"port": port, "protocol": "TCP"} for port in ports]

"""Computes the NetworkPolicy of Vault's pods.

NetworkPolicies add up, so this one takes nothing away from what others let through to Vault's pods.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from components.chart.default_values import CHART_NAME
from components.seals.seal import Destination
from components.settings import Settings
from components.settings.network_policy import NetworkPolicySettings
from components.vault.ports import API_PORT, CLUSTER_PORT

_DNS_PORT = 53
_HTTPS_PORT = 443
_IDENTITY_SERVICES = (
    # The agent of EKS Pod Identity, and GKE's metadata server as network plugins see it.
    Destination((80,), ("169.254.170.23/32", "fd00:ec2::23/128")),
    Destination((80, 8080), ("169.254.169.254/32",)),
    Destination((987, 988), ("169.254.169.252/32",)),
)


def server_policy(settings: Settings, policy: NetworkPolicySettings) -> Mapping[str, Any]:
    """Return the specification: who reaches Vault's pods, and whom they reach.

    The kubelet reaches the pods of its node in any case, and so do its probes and port-forward.
    """
    servers = {"podSelector": {"matchLabels": server_labels(settings.release_name)}}
    readers = settings.metrics.namespaces if settings.metrics is not None else ()
    snapshots = [snapshot_pods(settings.release_name)] if settings.snapshots is not None else []
    clients = [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
        for name in dict.fromkeys((*policy.clients, *readers))
    ]
    return {
        "podSelector": servers["podSelector"],
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {
                "from": [servers, *snapshots, *clients, *_blocks(policy.client_ranges)],
                "ports": _tcp(API_PORT),
            },
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


def snapshot_policy(settings: Settings, policy: NetworkPolicySettings) -> Mapping[str, Any]:
    """Return the specification for the pods that take snapshots: nobody reaches them.

    They reach Vault, and by HTTPS what keeps the snapshots and its identities, which have no fixed addresses.
    """
    servers = {"podSelector": {"matchLabels": server_labels(settings.release_name)}}
    return {
        **snapshot_pods(settings.release_name),
        "policyTypes": ["Ingress", "Egress"],
        "egress": [
            {"to": [servers], "ports": _tcp(API_PORT)},
            {"ports": [{"port": _DNS_PORT, "protocol": protocol} for protocol in ("UDP", "TCP")]},
            _to(policy.service_ranges, _HTTPS_PORT),
            *(_to(destination.ranges, *destination.ports) for destination in _IDENTITY_SERVICES),
            *(_to(further.ranges, further.port) for further in policy.egress),
        ],
    }


def snapshot_pods(release_name: str) -> Mapping[str, Any]:
    """Return what selects the pods that take snapshots."""
    return {"podSelector": {"matchLabels": dict(snapshot_labels(release_name))}}


def snapshot_labels(release_name: str) -> Mapping[str, str]:
    """Return the labels of the pods that take snapshots; no Service of the chart selects them."""
    return {"app.kubernetes.io/name": f"{CHART_NAME}-snapshot", "app.kubernetes.io/instance": release_name}


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

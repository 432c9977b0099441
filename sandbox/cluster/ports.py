"""Which ports the cluster needs on this machine, and who holds those that are taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from socket import SOCK_DGRAM, SOCK_STREAM
from typing import Literal

import psutil

from sandbox.layout import Layout
from sandbox.network import API_SERVER_PORT, BRIDGE_ADDRESS
from sandbox.processes import recorded_names, running_pid

LOOPBACK = "127.0.0.1"
ETCD_CLIENT_PORT = 2379
ETCD_PEER_PORT = 2380
CONTROLLER_MANAGER_PORT = 10257
SCHEDULER_PORT = 10259
KUBELET_PORT = 10250
KUBELET_HEALTH_PORT = 10248
KUBE_PROXY_HEALTH_PORT = 10256
KUBE_PROXY_METRICS_PORT = 10249
DNS_PORT = 53
DNS_READINESS_PORT = 8181

_SOCKET_TYPES = {"tcp": SOCK_STREAM, "udp": SOCK_DGRAM}


@dataclass(frozen=True)
class Listener:
    """An address and port on which something listens."""

    address: str
    port: int
    purpose: str
    protocol: Literal["tcp", "udp"] = "tcp"


@dataclass(frozen=True)
class PortConflict:
    """A port that is needed and taken. ``holder`` names the process, or is None when it cannot be known."""

    listener: Listener
    holder: str | None

    def __str__(self) -> str:
        listener = self.listener
        return (
            f"{listener.protocol} port {listener.port} on {listener.address} ({listener.purpose}) "
            f"is held by {self.holder or 'a process that cannot be seen from here'}"
        )


API_SERVER_LISTENER = Listener(BRIDGE_ADDRESS, API_SERVER_PORT, "kube-apiserver")
CLUSTER_LISTENERS = (
    Listener(LOOPBACK, ETCD_CLIENT_PORT, "etcd clients"),
    Listener(LOOPBACK, ETCD_PEER_PORT, "etcd peers"),
    API_SERVER_LISTENER,
    Listener(LOOPBACK, CONTROLLER_MANAGER_PORT, "kube-controller-manager"),
    Listener(LOOPBACK, SCHEDULER_PORT, "kube-scheduler"),
    Listener(BRIDGE_ADDRESS, KUBELET_PORT, "kubelet"),
    Listener(LOOPBACK, KUBELET_HEALTH_PORT, "kubelet's health"),
    Listener(LOOPBACK, KUBE_PROXY_HEALTH_PORT, "kube-proxy's health"),
    Listener(LOOPBACK, KUBE_PROXY_METRICS_PORT, "kube-proxy's metrics"),
    Listener(BRIDGE_ADDRESS, DNS_PORT, "CoreDNS"),
    Listener(BRIDGE_ADDRESS, DNS_PORT, "CoreDNS", protocol="udp"),
    Listener(LOOPBACK, DNS_READINESS_PORT, "CoreDNS's readiness"),
)


def port_conflicts(layout: Layout, listeners: Sequence[Listener] = CLUSTER_LISTENERS) -> list[PortConflict]:
    """Those of ``listeners`` that a process other than the sandbox's own listens on already."""
    sockets = [
        socket
        for socket in psutil.net_connections("inet")
        if socket.status == psutil.CONN_LISTEN or (socket.type == SOCK_DGRAM and not socket.raddr)
    ]
    own = {running_pid(layout, name) for name in recorded_names(layout)} - {None}
    conflicts = []
    for listener in listeners:
        for socket in sockets:
            if (
                socket.type == _SOCKET_TYPES[listener.protocol]
                and socket.laddr
                and socket.laddr.port == listener.port
                and _covers(socket.laddr.ip, listener.address)
            ):
                if socket.pid not in own:
                    conflicts.append(PortConflict(listener, _process_name(socket.pid)))
                break
    return conflicts


def _covers(bound: str, wanted: str) -> bool:
    """Tell if a socket that is bound to one address takes what is sent to the other."""
    address = ip_address(bound)
    if address.is_unspecified:  # "::" too: it takes IPv4 as well unless told otherwise
        return True
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else address) == ip_address(wanted)


def _process_name(pid: int | None) -> str | None:
    """Name the process; None when it is another user's, which only root sees."""
    if pid is None:
        return None
    try:
        return f"process {pid} ({psutil.Process(pid).name()})"
    except psutil.NoSuchProcess:
        return f"process {pid} (ended by now)"

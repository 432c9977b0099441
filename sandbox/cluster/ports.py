"""Which ports the cluster needs on this machine, and who holds those that are taken."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Literal

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

# Connection states in /proc/net (include/net/tcp_states.h); an unconnected UDP socket shows as closed.
_LISTENING = {"tcp": "0A", "udp": "07"}


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
    sockets = [socket for protocol in ("tcp", "udp") for socket in _listening_sockets(protocol)]
    own = {running_pid(layout, name) for name in recorded_names(layout)}
    conflicts = []
    for listener in listeners:
        for socket in sockets:
            if socket.collides(listener):
                holders = _holders(socket.inode)
                if own.isdisjoint(holders):
                    named = [f"process {pid} ({_command_name(pid)})" for pid in holders]
                    conflicts.append(PortConflict(listener, " and ".join(named) or None))
                break
    return conflicts


@dataclass(frozen=True)
class _Socket:
    protocol: str
    address: IPv4Address | IPv6Address
    port: int
    inode: int

    def collides(self, listener: Listener) -> bool:
        if (self.protocol, self.port) != (listener.protocol, listener.port):
            return False
        if self.address.is_unspecified:  # "::" too: it takes IPv4 as well unless told otherwise
            return True
        address = self.address.ipv4_mapped if isinstance(self.address, IPv6Address) else self.address
        return address == IPv4Address(listener.address)


def _listening_sockets(protocol: str) -> Iterator[_Socket]:
    for table in (Path(f"/proc/net/{protocol}"), Path(f"/proc/net/{protocol}6")):
        if not table.exists():  # a kernel without IPv6
            continue
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            address, port = fields[1].split(":")
            if fields[3] == _LISTENING[protocol]:
                yield _Socket(protocol, _address(address), int(port, 16), int(fields[9]))


def _address(hexadecimal: str) -> IPv4Address | IPv6Address:
    # The kernel prints each 32-bit word in the machine's byte order, which is little-endian here.
    words = [bytes.fromhex(hexadecimal[i : i + 8])[::-1] for i in range(0, len(hexadecimal), 8)]
    packed = b"".join(words)
    return IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)


def _holders(inode: int) -> list[int]:
    """Ids of the processes that have a socket open, lowest first."""
    target = f"socket:[{inode}]"
    pids = sorted(int(entry.name) for entry in Path("/proc").iterdir() if re.fullmatch(r"\d+", entry.name))
    return [pid for pid in pids if target in _open_files(pid)]


def _open_files(pid: int) -> set[str]:
    targets = set()
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            targets.add(str(descriptor.readlink()))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        # It ended while it was looked at, or belongs to another user: then the holder stays unknown.
        return targets
    return targets


def _command_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return "ended by now"

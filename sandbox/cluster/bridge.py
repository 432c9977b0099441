"""The pods' network: one bridge, from which only it and the services' addresses can be reached."""

import json
from ipaddress import IPv4Network
from pathlib import Path

from sandbox.cluster.commands import run
from sandbox.cluster.packet_filter import add_rules, remove_kubernetes_chains, remove_rules
from sandbox.cluster.paths import ClusterPaths, write_record
from sandbox.network import (
    BRIDGE_ADDRESS,
    BRIDGE_DEVICE,
    BRIDGE_HARDWARE_ADDRESS,
    POD_CIDR,
    ROUTING_TABLE,
    SERVICE_CIDR,
)

_SYSCTLS = Path("/proc/sys")
_ENABLED_SYSCTLS = (
    "net/ipv4/ip_forward",
    # Answers from pod to pod cross the bridge only; iptables has to see them to put a service's address back.
    "net/bridge/bridge-nf-call-iptables",
)


def bridge_exists() -> bool:
    """Whether the sandbox's bridge is there."""
    # Not in /sys/class/net: that shows the network namespace in which /sys was mounted.
    return (_SYSCTLS / "net/ipv4/conf" / BRIDGE_DEVICE).exists()


def conflicting_routes() -> list[str]:
    """Networks of this machine that lie in the sandbox's addresses, each as a line that says so.

    A wider one, such as a private network's 10.0.0.0/8, only lends the sandbox a part of itself.
    """
    ours = [IPv4Network(POD_CIDR), IPv4Network(SERVICE_CIDR)]
    conflicts = []
    for route in json.loads(run(["ip", "-json", "-4", "route", "show"])):
        destination, device = str(route["dst"]), str(route.get("dev", ""))
        if destination == "default" or device == BRIDGE_DEVICE:
            continue
        network = IPv4Network(destination)
        conflicts += [
            f"this machine's route to {destination} by {device} lies in {own}, which the sandbox uses"
            for own in ours
            if network.subnet_of(own)
        ]
    return conflicts


def create_bridge(paths: ClusterPaths) -> None:
    """Make the bridge with its routes, rules and kernel settings, after remembering the latter."""
    if not (_SYSCTLS / "net/bridge").exists():
        run(["modprobe", "br_netfilter"])
    before = {name: (_SYSCTLS / name).read_text().strip() for name in _ENABLED_SYSCTLS}
    write_record(paths.saved_sysctls, before)
    for name in _ENABLED_SYSCTLS:
        (_SYSCTLS / name).write_text("1")

    # With an address of its own; otherwise it takes one of its ports', and changes it as pods come and go:
    # until the other pods have asked anew who the gateway is, their packets are lost.
    run(["ip", "link", "add", BRIDGE_DEVICE, "address", BRIDGE_HARDWARE_ADDRESS, "type", "bridge"])
    # Services of this machine that listen on all addresses could be reached over the bridge's link-local one.
    ipv6 = _SYSCTLS / f"net/ipv6/conf/{BRIDGE_DEVICE}/disable_ipv6"
    if ipv6.exists():
        ipv6.write_text("1")
    prefix_length = IPv4Network(POD_CIDR).prefixlen
    run(["ip", "address", "add", f"{BRIDGE_ADDRESS}/{prefix_length}", "dev", BRIDGE_DEVICE])
    run(["ip", "link", "set", BRIDGE_DEVICE, "up"])
    run(["ip", "route", "add", SERVICE_CIDR, "dev", BRIDGE_DEVICE, "src", BRIDGE_ADDRESS])
    # What comes from pods is looked up in a table of its own, in which there is no way out.
    table = str(ROUTING_TABLE)
    run(["ip", "route", "add", POD_CIDR, "dev", BRIDGE_DEVICE, "table", table])
    # Not back to the bridge: the kernel would tell pods of a shorter way, and as that counts as errors told,
    # it would keep to itself that a Service has no endpoints, which is to be a refused connection.
    run(["ip", "route", "add", SERVICE_CIDR, "dev", "lo", "table", table])
    run(["ip", "route", "add", "unreachable", "default", "table", table])
    run(["ip", "rule", "add", "iif", BRIDGE_DEVICE, "lookup", table])
    add_rules()


def remove_bridge(paths: ClusterPaths) -> None:
    """Undo `create_bridge`, as far as it came, and what Kubernetes added to iptables."""
    remove_rules()
    remove_kubernetes_chains()
    for rule in json.loads(run(["ip", "-json", "-4", "rule", "show"])):
        if rule.get("iif") == BRIDGE_DEVICE:
            run(["ip", "rule", "delete", "iif", BRIDGE_DEVICE])
    # A table that was never filled counts as an error to "flush", so it is asked for all tables' routes.
    for route in json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"])):
        if route.get("table") == str(ROUTING_TABLE):
            run(["ip", "route", "flush", "table", str(ROUTING_TABLE)])
            break
    if bridge_exists():
        run(["ip", "link", "delete", BRIDGE_DEVICE])
    if paths.saved_sysctls.exists():
        for name, value in json.loads(paths.saved_sysctls.read_text()).items():
            if (_SYSCTLS / name).exists():  # those of a kernel module are not there after a restart
                (_SYSCTLS / name).write_text(value)

"""The iptables rules around the pods: the sandbox's own, and the chains that Kubernetes leaves behind."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from sandbox.cluster.commands import run
from sandbox.network import BRIDGE_ADDRESS, BRIDGE_DEVICE

_TABLES = ("nat", "filter", "mangle")
_PREFIX = "KUBE-"  # kube-proxy's chains, and the two that the kubelet makes

# Pods speak to one another and to the bridge's address, whatever the machine's own firewall says
# (Docker, for one, drops what is forwarded), and to no other address of this machine.
_RULES = (
    ("FORWARD", "-i", BRIDGE_DEVICE, "-o", BRIDGE_DEVICE, "-j", "ACCEPT"),
    ("INPUT", "-i", BRIDGE_DEVICE, "-j", "REJECT"),
    ("INPUT", "-i", BRIDGE_DEVICE, "-d", BRIDGE_ADDRESS, "-j", "ACCEPT"),
)


def add_rules() -> None:
    """Insert the sandbox's rules in front of all others; the last one of `_RULES` becomes the first."""
    for chain, *rule in _RULES:
        run(["iptables", "-w", "-I", chain, *rule])


def redirect_pods(address: str, port: int, bridge_port: int) -> None:
    """Lead what pods send to a TCP port of an address elsewhere to a port of the bridge's own address.

    Idempotent; `remove_rules` removes it.
    """
    rule = [
        *("PREROUTING", "-d", f"{address}/32", "-i", BRIDGE_DEVICE, "-p", "tcp", "-m", "tcp"),
        *("--dport", str(port), "-j", "DNAT", "--to-destination", f"{BRIDGE_ADDRESS}:{bridge_port}"),
    ]
    if shlex.join(["-A", *rule]) not in _rules("iptables", "nat"):
        run(["iptables", "-w", "-t", "nat", "-I", *rule])


def remove_rules() -> None:
    """Remove the sandbox's rules, as far as they are there."""
    for table in ("filter", "nat"):
        for line in _rules("iptables", table):
            words = shlex.split(line)
            # No other rule of these tables names the bridge: Kubernetes' own are for all devices.
            if words[0] == "-A" and BRIDGE_DEVICE in words:
                run(["iptables", "-w", "-t", table, "-D", *words[1:]])


def kubernetes_chains() -> list[str]:
    """Names of the chains that some Kubernetes made in IPv4's tables."""
    return [chain for table in _TABLES for chain in _chains(_rules("iptables", table))]


def remove_kubernetes_chains() -> None:
    """Remove Kubernetes' chains and the jumps into them from the machine's tables.

    kube-proxy leaves them when it ends, so that a node serves on while it is replaced
    (its ``--cleanup`` has to be asked for, and does not know the kubelet's).
    """
    for command in ("iptables", "ip6tables"):
        if command == "ip6tables" and not Path("/proc/net/if_inet6").exists():
            continue
        for table in _TABLES:
            rules = _rules(command, table)
            chains = _chains(rules)
            if not chains:
                continue
            # One transaction a table: naming a chain empties it, which frees those that it jumped into.
            script = [f"*{table}", *(f":{chain} - [0:0]" for chain in chains)]
            script += list(_removed_jumps(rules))
            script += [*(f"-X {chain}" for chain in chains), "COMMIT", ""]
            run([f"{command}-restore", "--wait", "--noflush"], stdin="\n".join(script))


def _rules(command: str, table: str) -> list[str]:
    return run([command, "-w", "-t", table, "-S"]).splitlines()


def _chains(rules: list[str]) -> list[str]:
    return [line.split()[1] for line in rules if line.startswith(f"-N {_PREFIX}")]


def _removed_jumps(rules: list[str]) -> Iterator[str]:
    for line in rules:
        words = shlex.split(line)
        if words[0] == "-A" and not words[1].startswith(_PREFIX) and f" -j {_PREFIX}" in line:
            yield line.replace("-A", "-D", 1)

"""What this machine must offer before a cluster can start on it."""

import os
import shutil

from sandbox.cluster.bridge import conflicting_routes
from sandbox.cluster.control_groups import check_control_groups
from sandbox.cluster.node import CNI_PLUGINS
from sandbox.cluster.packet_filter import kubernetes_chains
from sandbox.cluster.ports import port_conflicts
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.processes import SYSTEM_PATH

_PACKAGE_OF_COMMAND = {
    "etcd": "etcd-server",
    "containerd": "containerd",
    "containerd-shim-runc-v2": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "socat": "socat",
    "ip": "iproute2",
    "mount": "mount",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}


def check_requirements(layout: Layout) -> None:
    """Look for everything that would stop a cluster from starting, before anything is started.

    Raises SandboxError that lists all that is wrong and how to fix it.
    """
    if os.geteuid() != 0:
        raise SandboxError("the cluster needs root, for namespaces, control groups and iptables")
    problems = []
    packages = {
        package
        for command, package in _PACKAGE_OF_COMMAND.items()
        if shutil.which(command, path=SYSTEM_PATH) is None
    }
    if not all((CNI_PLUGINS / plugin).exists() for plugin in ("bridge", "host-local", "loopback")):
        packages.add("containernetworking-plugins")
    if packages:
        problems.append(f"Debian packages are missing: apt-get install {' '.join(sorted(packages))}")
    problems += check_control_groups()
    problems += [str(conflict) for conflict in port_conflicts(layout)]
    if not packages:  # these two ask commands that may be missing
        problems += conflicting_routes()
        problems += _other_kubernetes()
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems)
        raise SandboxError(f"the cluster cannot start on this machine:\n{listed}")


def _other_kubernetes() -> list[str]:
    chains = kubernetes_chains()
    if not chains:
        return []
    return [
        f"another Kubernetes node runs here, or left its iptables chains ({chains[0]}, ...): end it, or "
        "remove them with `kube-proxy --cleanup`; two kube-proxies overwrite each other's rules"
    ]

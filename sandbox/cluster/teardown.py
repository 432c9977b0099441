"""Ending the cluster, in whatever state it is."""

import shutil

from sandbox import processes
from sandbox.cluster.bridge import bridge_exists, remove_bridge
from sandbox.cluster.control_groups import kill_members, remove_node_group
from sandbox.cluster.control_plane import API_SERVER, ETCD
from sandbox.cluster.credentials import (
    CONTROLLER_MANAGER,
    COREDNS,
    KUBE_PROXY,
    KUBELET,
    SCHEDULER,
    VOLUME_PROVISIONER,
)
from sandbox.cluster.node import CONTAINERD, MOUNT_NAMESPACE, kill_shims
from sandbox.cluster.paths import ClusterPaths
from sandbox.cluster.ports import API_SERVER_LISTENER, port_conflicts
from sandbox.layout import Layout

# First those that would start pods anew, or fill iptables again; then what holds the pods; then the rest.
_ACTORS = (KUBELET, KUBE_PROXY, COREDNS, SCHEDULER, CONTROLLER_MANAGER, VOLUME_PROVISIONER)
_CONTROL_PLANE = (API_SERVER, ETCD)

CLUSTER_PROCESSES = (*_ACTORS, CONTAINERD, MOUNT_NAMESPACE, *_CONTROL_PLANE)

# Nothing of the cluster's state is kept, so nobody is given long to put it in order.
_GRACE_SECONDS = 2.0


def remove_cluster(layout: Layout, paths: ClusterPaths) -> None:
    """End the cluster's processes and pods, and undo what they did to the machine.

    Each step finds out for itself what there is to do, so this serves as well for a cluster that was
    interrupted while it started or ended, or that went down with the machine.

    Raises SandboxError when a process cannot be ended or the machine's network cannot be restored.
    """
    machine_is_ours = _machine_is_ours(layout, paths)
    processes.stop_all(layout, _ACTORS, grace_seconds=_GRACE_SECONDS)
    if machine_is_ours:
        kill_members()
    processes.stop(layout, CONTAINERD, grace_seconds=_GRACE_SECONDS)
    if machine_is_ours:
        kill_shims()
    processes.stop_all(layout, (*_CONTROL_PLANE, MOUNT_NAMESPACE), grace_seconds=_GRACE_SECONDS)
    if machine_is_ours:
        remove_bridge(paths)
        remove_node_group()
    layout.kubeconfig.unlink(missing_ok=True)
    # Last, since it holds what the steps above need to know.
    if paths.root.exists():
        shutil.rmtree(paths.root)


def _machine_is_ours(layout: Layout, paths: ClusterPaths) -> bool:
    """Whether the bridge, the rules and the pods that may be on this machine belong to this cluster.

    They have the same names for the sandbox of every checkout, so they are another's while an API server
    that was not started from here listens. Without this cluster's files, a bridge with nothing at its ports
    is what remains of a sandbox whose folder was deleted while it ran.
    """
    if paths.root.exists():
        return not port_conflicts(layout, [API_SERVER_LISTENER])
    return bridge_exists() and not port_conflicts(layout)

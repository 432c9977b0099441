"""The one node: containerd and the kubelet in a mount namespace of their own, kube-proxy beside them.

The namespace keeps every mount of theirs (pods' volumes, container file systems, network namespaces)
off the machine: all vanish with the process that holds the namespace open.
"""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

import psutil
import yaml

from sandbox import processes
from sandbox.build.tools import Tools
from sandbox.cluster.api_client import JsonObject, KubernetesApi
from sandbox.cluster.commands import run
from sandbox.cluster.control_groups import node_group
from sandbox.cluster.credentials import KUBE_PROXY, KUBELET, NODE_NAME, Credentials
from sandbox.cluster.paths import ClusterPaths
from sandbox.cluster.ports import KUBE_PROXY_HEALTH_PORT, KUBE_PROXY_METRICS_PORT, LOOPBACK
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.network import BRIDGE_ADDRESS, BRIDGE_DEVICE, POD_CIDR

MOUNT_NAMESPACE = "mount-namespace"
CONTAINERD = "containerd"
CNI_PLUGINS = Path("/usr/lib/cni")
PAUSE_IMAGE = "registry.k8s.io/pause:3.9"

_KUBELET_HOME = Path("/var/lib/kubelet")
_POD_LOGS = Path("/var/log/pods")
_CONTAINER_LOGS = Path("/var/log/containers")
# What the kubelet sets as it starts (setupKernelTunables in pkg/kubelet/cm/container_manager_linux.go).
_KERNEL_SETTINGS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}

# Mounts made before the namespace counts as ready. Kubelet and containerd hand mounts to each other and to
# containers, so the folders have to be shared ("rshared"); "$1" to "$5" are paths. The kernel's settings are
# the whole machine's: files with the values that the kubelet wants cover them, so that it changes none.
_NAMESPACE_SCRIPT = """\
set -eu
mount --make-rshared /
mount -t tmpfs -o mode=0711 tmpfs /run/containerd
mount -t tmpfs -o mode=0755 tmpfs /run/netns
mount --bind "$1" /var/lib/kubelet
mount --make-rshared /var/lib/kubelet
mount --bind "$2" /var/log/pods
mount --bind "$3" /var/log/containers
(cd "$4" && find . -type f) | while read -r setting; do mount --bind "$4/$setting" "/proc/sys/$setting"; done
touch "$5"
exec sleep infinity
"""


def start_mount_namespace(layout: Layout, paths: ClusterPaths) -> None:
    """Start the process that holds the node's mount namespace open, and wait until its mounts are there."""
    mount_points = [_KUBELET_HOME, _POD_LOGS, _CONTAINER_LOGS, Path("/run/netns"), Path("/run/containerd")]
    # They stay when the cluster ends: a sandbox in another namespace may have mounted over them.
    for directory in [*mount_points, paths.kubelet, paths.pod_logs, paths.container_logs]:
        directory.mkdir(parents=True, exist_ok=True)
    for name, value in _KERNEL_SETTINGS.items():
        setting = paths.kernel_settings / name
        setting.parent.mkdir(parents=True, exist_ok=True)
        setting.write_text(f"{value}\n")
    ready = paths.root / "mount-namespace-ready"
    processes.start(
        layout,
        MOUNT_NAMESPACE,
        [
            "unshare",
            "--mount",
            "--propagation=private",
            "sh",
            "-c",
            _NAMESPACE_SCRIPT,
            "sandbox-mounts",
            str(paths.kubelet),
            str(paths.pod_logs),
            str(paths.container_logs),
            str(paths.kernel_settings),
            str(ready),
        ],
    )
    processes.wait_until_serving(
        layout, MOUNT_NAMESPACE, 10, ready.exists, description="the node's mounts are made"
    )


def start_containerd(layout: Layout, paths: ClusterPaths) -> None:
    """Start containerd with the pods' network, and wait until it answers."""
    network_configurations = paths.configuration / "cni"
    network_configurations.mkdir()
    (network_configurations / "10-pods.conflist").write_text(json.dumps(_pod_network(paths)))
    configuration = paths.configuration / "containerd.toml"
    configuration.write_text(_containerd_configuration(paths, network_configurations))
    _start_in_namespace(layout, CONTAINERD, ["containerd", f"--config={configuration}", "--log-level=warn"])
    processes.wait_until_serving(
        layout, CONTAINERD, 30, lambda: _containerd_answers(layout), description="containerd answers"
    )


def import_images(layout: Layout, archives: Sequence[Path]) -> None:
    """Import OCI archives into containerd and unpack them.

    Raises SandboxError naming the archive that fails.
    """
    for archive in archives:
        run(_in_namespace(layout, [*_ctr(), "images", "import", str(archive)]))


def start_kubelet(layout: Layout, tools: Tools, paths: ClusterPaths, credentials: Credentials) -> None:
    """Start the kubelet, which registers the node."""
    resolver = paths.configuration / "resolv.conf"
    resolver.write_text(f"nameserver {BRIDGE_ADDRESS}\n")
    configuration = paths.configuration / "kubelet.yaml"
    configuration.write_text(yaml.safe_dump(_kubelet_configuration(credentials, resolver)))
    _start_in_namespace(
        layout,
        KUBELET,
        [
            str(tools.kubelet),
            f"--config={configuration}",
            f"--kubeconfig={credentials.kubeconfigs[KUBELET]}",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={BRIDGE_ADDRESS}",
        ],
    )


def start_kube_proxy(layout: Layout, tools: Tools, paths: ClusterPaths, credentials: Credentials) -> None:
    """Start kube-proxy, which makes the services' addresses work."""
    configuration = paths.configuration / "kube-proxy.yaml"
    configuration.write_text(yaml.safe_dump(_kube_proxy_configuration(credentials)))
    processes.start(layout, KUBE_PROXY, [str(tools.kube_proxy), f"--config={configuration}"])


def wait_for_node(layout: Layout, api: KubernetesApi, deadline_seconds: float) -> None:
    """Wait until the node is Ready and takes pods. Raises SandboxError with the end of the kubelet's log."""

    def ready() -> bool:
        try:
            nodes = api.get("/api/v1/nodes")["items"]
        except OSError:
            return False
        return len(nodes) == 1 and _takes_pods(nodes[0])

    processes.wait_until_serving(layout, KUBELET, deadline_seconds, ready, description="the node is Ready")


def kill_shims() -> None:
    """Kill the processes that hold the sandbox's containers and that outlive containerd by design."""
    for process in psutil.process_iter(["cmdline"]):
        arguments = process.info["cmdline"] or [""]
        if arguments[0].endswith("containerd-shim-runc-v2") and _socket() in arguments:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def _socket() -> str:
    """Name containerd's socket, in a folder that is a file system of its own inside the namespace.

    The name stands in the command line of every process that serves a pod, which tells this sandbox's
    apart from the machine's and from those of other sandboxes.
    """
    return f"/run/containerd/{node_group()}.sock"


def _ctr() -> tuple[str, ...]:
    return "ctr", f"--address={_socket()}", "--namespace=k8s.io"


def _in_namespace(layout: Layout, argv: Sequence[str]) -> list[str]:
    holder = processes.running_pid(layout, MOUNT_NAMESPACE)
    if holder is None:
        raise SandboxError("the node's mount namespace is gone; run `make down`, then `make up`")
    return ["nsenter", f"--mount=/proc/{holder}/ns/mnt", "--", *argv]


def _start_in_namespace(layout: Layout, name: str, argv: Sequence[str]) -> None:
    processes.start(layout, name, _in_namespace(layout, argv))


def _containerd_answers(layout: Layout) -> bool:
    try:
        run(_in_namespace(layout, [*_ctr(), "version"]))
    except SandboxError:
        return False
    return True


def _takes_pods(node: JsonObject) -> bool:
    conditions = {found["type"]: found["status"] for found in node["status"].get("conditions", [])}
    # A new node carries the taint "not-ready" until the controller manager has seen that it is.
    return conditions.get("Ready") == "True" and not node["spec"].get("taints")


def _pod_network(paths: ClusterPaths) -> JsonObject:
    first_addresses = BRIDGE_ADDRESS.rsplit(".", 1)[0]
    address_range = {
        "subnet": POD_CIDR,
        "rangeStart": f"{first_addresses}.10",
        "rangeEnd": f"{first_addresses}.250",
        "gateway": BRIDGE_ADDRESS,
    }
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE_DEVICE,
        "isGateway": True,
        "ipMasq": False,
        # A pod may be what its own service leads to.
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(paths.pod_addresses),
            "ranges": [[address_range]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    # No "portmap" plugin: nothing here asks for host ports, and its iptables chains have other users too.
    return {"cniVersion": "0.4.0", "name": "vault-sandbox", "plugins": [bridge]}


def _containerd_configuration(paths: ClusterPaths, network_configurations: Path) -> str:
    def quoted(value: Path | str) -> str:
        return json.dumps(str(value))  # a JSON string is a TOML basic string

    return f"""\
version = 2
root = {quoted(paths.containerd)}
state = "/run/containerd/state"
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = {quoted(_socket())}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = {quoted(PAUSE_IMAGE)}
  # Where root lacks CAP_SYS_RESOURCE, as in many virtual machines and containers, no process may be
  # protected better than this one is.
  restrict_oom_score_adj = true
  stream_server_address = {quoted(LOOPBACK)}

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = {quoted(CNI_PLUGINS)}
    conf_dir = {quoted(network_configurations)}

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"""


def _kubelet_configuration(credentials: Credentials, resolver: Path) -> JsonObject:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": BRIDGE_ADDRESS,
        "readOnlyPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(credentials.authority.certificate)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(credentials.kubelet.certificate),
        "tlsPrivateKeyFile": str(credentials.kubelet.key),
        "cgroupDriver": "cgroupfs",  # no systemd is needed
        "cgroupRoot": f"/{node_group()}",
        "containerRuntimeEndpoint": f"unix://{_socket()}",
        "failSwapOn": False,
        "clusterDomain": "cluster.local",
        "clusterDNS": [BRIDGE_ADDRESS],
        "resolvConf": str(resolver),
        "volumePluginDir": str(_KUBELET_HOME / "volumeplugins"),
        "serializeImagePulls": False,
        # Images come from archives and from nowhere else: one that was collected would be gone for good.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        # The disk is shared with all else on this machine: a full one must not drive pods away early.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
    }


def _kube_proxy_configuration(credentials: Credentials) -> JsonObject:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(credentials.kubeconfigs[KUBE_PROXY])},
        "mode": "iptables",
        "bindAddress": BRIDGE_ADDRESS,
        "clusterCIDR": POD_CIDR,
        "detectLocalMode": "ClusterCIDR",
        "hostnameOverride": NODE_NAME,
        "healthzBindAddress": f"{LOOPBACK}:{KUBE_PROXY_HEALTH_PORT}",
        "metricsBindAddress": f"{LOOPBACK}:{KUBE_PROXY_METRICS_PORT}",
        "nodePortAddresses": [POD_CIDR],
        # The machine's own settings stay as they are: no route_localnet, its connection table's size.
        "iptables": {"localhostNodePorts": False, "minSyncPeriod": "0s", "syncPeriod": "30s"},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"},
    }

"""Keys, certificates and kubeconfigs of the cluster's parts, laid out as kubeadm does.

The identities are those that Kubernetes' own roles are bound to
(https://kubernetes.io/docs/setup/best-practices/certificates/).
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from sandbox.certificates import CertificateAuthority, IssuedCertificate, create_rsa_key_pair
from sandbox.cluster.api_client import KubernetesApi
from sandbox.cluster.paths import ClusterPaths
from sandbox.cluster.ports import LOOPBACK
from sandbox.network import API_SERVER_URL, API_SERVICE_ADDRESS, BRIDGE_ADDRESS

NODE_NAME = "vault-sandbox-node"
CONTEXT = "vault-sandbox"
"""Name of the context, cluster and user in every kubeconfig of the sandbox."""

ADMINISTRATOR = "kubernetes-admin"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
KUBELET = "kubelet"
KUBE_PROXY = "kube-proxy"
COREDNS = "coredns"
VOLUME_PROVISIONER = "volume-provisioner"

_CLIENTS: Mapping[str, tuple[str, str | None]] = {
    ADMINISTRATOR: ("kubernetes-admin", "system:masters"),
    CONTROLLER_MANAGER: ("system:kube-controller-manager", None),
    SCHEDULER: ("system:kube-scheduler", None),
    KUBELET: (f"system:node:{NODE_NAME}", "system:nodes"),
    KUBE_PROXY: ("system:kube-proxy", None),
    COREDNS: ("system:coredns", None),
    VOLUME_PROVISIONER: ("vault-sandbox:volume-provisioner", None),
}


@dataclass(frozen=True)
class Credentials:
    """Every key and certificate that some part is started with, and the kubeconfigs by part."""

    authority: CertificateAuthority
    api_server: IssuedCertificate
    api_server_to_kubelet: IssuedCertificate
    front_proxy_authority: CertificateAuthority
    front_proxy: IssuedCertificate
    etcd_authority: CertificateAuthority
    etcd: IssuedCertificate
    api_server_to_etcd: IssuedCertificate
    kubelet: IssuedCertificate
    clients: Mapping[str, IssuedCertificate]
    kubeconfigs: Mapping[str, Path]


def ensure_service_account_keys(paths: ClusterPaths) -> None:
    """Make the key pair of service-account tokens unless it is there."""
    if not paths.service_account_public_key.exists():  # it is written last
        create_rsa_key_pair(paths.service_account_key, paths.service_account_public_key)


def create_credentials(paths: ClusterPaths) -> Credentials:
    """Make all keys, certificates and kubeconfigs of a new cluster; what is private gets mode 0600."""
    authority = _authority(paths)
    front_proxy_authority = CertificateAuthority.load_or_create(paths.certificates, "front-proxy-ca")
    etcd_authority = CertificateAuthority.load_or_create(paths.certificates, "etcd-ca")
    clients = {
        part: authority.issue(_client_file_name(part), user, organization=group)
        for part, (user, group) in _CLIENTS.items()
    }
    paths.kubeconfigs.mkdir()
    kubeconfigs = {part: paths.kubeconfigs / f"{part}.kubeconfig" for part in clients}
    for part, client in clients.items():
        write_kubeconfig(kubeconfigs[part], authority, client)
    return Credentials(
        authority=authority,
        api_server=authority.issue(
            "kube-apiserver",
            "kube-apiserver",
            names=[
                "localhost",
                "kubernetes",
                "kubernetes.default",
                "kubernetes.default.svc",
                "kubernetes.default.svc.cluster.local",
            ],
            addresses=[BRIDGE_ADDRESS, LOOPBACK, API_SERVICE_ADDRESS],
        ),
        api_server_to_kubelet=authority.issue(
            "kube-apiserver-kubelet-client", "kube-apiserver-kubelet-client", organization="system:masters"
        ),
        front_proxy_authority=front_proxy_authority,
        front_proxy=front_proxy_authority.issue("front-proxy-client", "front-proxy-client"),
        etcd_authority=etcd_authority,
        etcd=etcd_authority.issue("etcd", "etcd", names=["localhost"], addresses=[LOOPBACK]),
        api_server_to_etcd=etcd_authority.issue("kube-apiserver-etcd-client", "kube-apiserver-etcd-client"),
        kubelet=authority.issue("kubelet", NODE_NAME, names=[NODE_NAME], addresses=[BRIDGE_ADDRESS]),
        clients=clients,
        kubeconfigs=kubeconfigs,
    )


def administrator_api(paths: ClusterPaths) -> KubernetesApi:
    """Return the API server's client as the cluster's administrator, whose certificate must exist."""
    authority = _authority(paths)
    return KubernetesApi(authority.certificate, authority.issued(_client_file_name(ADMINISTRATOR)))


def _authority(paths: ClusterPaths) -> CertificateAuthority:
    return CertificateAuthority.load_or_create(paths.certificates, "kubernetes-ca")


def _client_file_name(part: str) -> str:
    return f"client-{part}"


def write_kubeconfig(path: Path, authority: CertificateAuthority, client: IssuedCertificate) -> None:
    """Write a kubeconfig that holds all it needs, with mode 0600 because a private key is among that."""

    def encoded(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    cluster = {"server": API_SERVER_URL, "certificate-authority-data": encoded(authority.certificate)}
    user = {
        "client-certificate-data": encoded(client.certificate),
        "client-key-data": encoded(client.key),
    }
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": CONTEXT, "user": user}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
        "current-context": CONTEXT,
    }
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(kubeconfig, sort_keys=False))

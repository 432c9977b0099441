"""etcd and the three Kubernetes processes of the control plane."""

from pathlib import Path

from sandbox import processes
from sandbox.build.tools import Tools
from sandbox.cluster.api_client import KubernetesApi
from sandbox.cluster.credentials import CONTROLLER_MANAGER, NODE_NAME, SCHEDULER, Credentials
from sandbox.cluster.paths import ClusterPaths
from sandbox.cluster.ports import ETCD_CLIENT_PORT, ETCD_PEER_PORT, LOOPBACK
from sandbox.layout import Layout
from sandbox.network import API_SERVER_PORT, BRIDGE_ADDRESS, SERVICE_CIDR

ETCD = "etcd"
API_SERVER = "kube-apiserver"

API_AUDIENCE = "https://kubernetes.default.svc"
"""Audience of the tokens that pods get for the API server. EKS has this one, and not its issuer's URL."""

_ETCD_CLIENT_URL = f"https://{LOOPBACK}:{ETCD_CLIENT_PORT}"
_ETCD_PEER_URL = f"https://{LOOPBACK}:{ETCD_PEER_PORT}"
_API_SERVER_DEADLINE_SECONDS = 90


def start_etcd(layout: Layout, paths: ClusterPaths, credentials: Credentials) -> None:
    """Start the database. Only holders of a certificate are let in: it holds every Secret of the cluster."""
    authority, certificate = credentials.etcd_authority, credentials.etcd
    processes.start(
        layout,
        ETCD,
        [
            "etcd",
            f"--name={NODE_NAME}",
            f"--data-dir={paths.etcd}",
            f"--listen-client-urls={_ETCD_CLIENT_URL}",
            f"--advertise-client-urls={_ETCD_CLIENT_URL}",
            f"--listen-peer-urls={_ETCD_PEER_URL}",
            f"--initial-advertise-peer-urls={_ETCD_PEER_URL}",
            f"--initial-cluster={NODE_NAME}={_ETCD_PEER_URL}",
            "--client-cert-auth",
            f"--trusted-ca-file={authority.certificate}",
            f"--cert-file={certificate.certificate}",
            f"--key-file={certificate.key}",
            "--peer-client-cert-auth",
            f"--peer-trusted-ca-file={authority.certificate}",
            f"--peer-cert-file={certificate.certificate}",
            f"--peer-key-file={certificate.key}",
            "--log-level=warn",
            "--logger=zap",
            # The database is thrown away with the sandbox: it need not survive a loss of power.
            "--unsafe-no-fsync",
        ],
    )


def start_api_server(
    layout: Layout,
    tools: Tools,
    paths: ClusterPaths,
    credentials: Credentials,
    *,
    service_account_issuer: str,
) -> None:
    """Start kube-apiserver with the issuer of the EKS cluster that it stands for.

    EKS publishes the issuer's keys at ``<issuer>/keys``
    (https://docs.aws.amazon.com/eks/latest/userguide/irsa-fetch-keys.html).
    """
    processes.start(
        layout,
        API_SERVER,
        [
            str(tools.kube_apiserver),
            f"--etcd-servers={_ETCD_CLIENT_URL}",
            f"--etcd-cafile={credentials.etcd_authority.certificate}",
            f"--etcd-certfile={credentials.api_server_to_etcd.certificate}",
            f"--etcd-keyfile={credentials.api_server_to_etcd.key}",
            f"--bind-address={BRIDGE_ADDRESS}",
            f"--advertise-address={BRIDGE_ADDRESS}",
            f"--secure-port={API_SERVER_PORT}",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            f"--client-ca-file={credentials.authority.certificate}",
            f"--tls-cert-file={credentials.api_server.certificate}",
            f"--tls-private-key-file={credentials.api_server.key}",
            f"--kubelet-certificate-authority={credentials.authority.certificate}",
            f"--kubelet-client-certificate={credentials.api_server_to_kubelet.certificate}",
            f"--kubelet-client-key={credentials.api_server_to_kubelet.key}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-account-issuer={service_account_issuer}",
            f"--service-account-jwks-uri={service_account_issuer}/keys",
            f"--api-audiences={API_AUDIENCE}",
            f"--service-account-key-file={paths.service_account_public_key}",
            f"--service-account-signing-key-file={paths.service_account_key}",
            f"--requestheader-client-ca-file={credentials.front_proxy_authority.certificate}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={credentials.front_proxy.certificate}",
            f"--proxy-client-key-file={credentials.front_proxy.key}",
        ],
    )


def wait_for_api_server(layout: Layout, api: KubernetesApi) -> None:
    """Wait until the API server is ready.

    Raises SandboxError with the end of its log, or of etcd's if that is what ended.
    """

    def ready() -> bool:
        if api.is_ready():
            return True
        processes.require_running(layout, ETCD)
        return False

    processes.wait_until_serving(
        layout, API_SERVER, _API_SERVER_DEADLINE_SECONDS, ready, description="the API server is ready"
    )


def start_controller_manager(
    layout: Layout, tools: Tools, paths: ClusterPaths, credentials: Credentials
) -> None:
    """Start kube-controller-manager; the API server must be ready."""
    kubeconfig = credentials.kubeconfigs[CONTROLLER_MANAGER]
    processes.start(
        layout,
        CONTROLLER_MANAGER,
        [
            str(tools.kube_controller_manager),
            *_own_api_options(kubeconfig),
            "--use-service-account-credentials",
            f"--service-account-private-key-file={paths.service_account_key}",
            f"--root-ca-file={credentials.authority.certificate}",
            f"--cluster-signing-cert-file={credentials.authority.certificate}",
            f"--cluster-signing-key-file={credentials.authority.key}",
            # By default it allows itself 20 requests a second, and spends four seconds of its start waiting.
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        ],
    )


def start_scheduler(layout: Layout, tools: Tools, credentials: Credentials) -> None:
    """Start kube-scheduler; the API server must be ready."""
    processes.start(
        layout, SCHEDULER, [str(tools.kube_scheduler), *_own_api_options(credentials.kubeconfigs[SCHEDULER])]
    )


def _own_api_options(kubeconfig: Path) -> list[str]:
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={LOOPBACK}",
        "--leader-elect=false",
    ]

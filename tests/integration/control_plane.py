"""A Kubernetes control plane without nodes, on loopback: workloads never get ready in it."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.certificates import CertificateAuthority, create_rsa_key_pair
from sandbox.processes import wait_until
from tests.built_tools import built_tools
from tests.integration.free_ports import free_ports


@dataclass(frozen=True)
class ControlPlane:
    """etcd, the API server and the controller manager."""

    folder: Path
    authority: CertificateAuthority
    server: str
    """URL of the API server."""

    @property
    def kubeconfig(self) -> Path:
        """Of an administrator; its context is ``here``."""
        return self.folder / "admin.kubeconfig"

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as the administrator; it has to succeed."""
        command = [str(built_tools().kubectl), f"--kubeconfig={self.kubeconfig}", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout

    def add_user(self, name: str, *, group: str | None = None) -> Path:
        """The kubeconfig of a user, who has the rights of the group and those that are bound to the name."""
        user = self.authority.issue(name, name, organization=group)
        file = self.folder / f"{name}.kubeconfig"
        cluster = {"server": self.server, "certificate-authority": str(self.authority.certificate)}
        document: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": name}}],
            "clusters": [{"name": "here", "cluster": cluster}],
            "users": [
                {
                    "name": name,
                    "user": {"client-certificate": str(user.certificate), "client-key": str(user.key)},
                }
            ],
        }
        file.write_text(yaml.safe_dump(document))
        return file

    def grant(self, user: str, namespace: str, resource: str, verbs: Sequence[str]) -> None:
        """Give a user these rights in a namespace, in place of earlier ones.

        ``resource`` is in the plural, with its API group behind a dot: `leases.coordination.k8s.io`.
        """
        resources, _, group = resource.partition(".")
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": user, "namespace": namespace},
            "rules": [{"apiGroups": [group], "resources": [resources], "verbs": [*verbs]}],
        }
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": user, "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        }
        for document in (role, binding):
            self.kubectl("apply", "--filename=-", stdin=json.dumps(document))


@contextmanager
def run_control_plane(folder: Path) -> Iterator[ControlPlane]:
    """A control plane that lives as long as the block; the test is skipped where its parts are missing."""
    programs = built_tools()
    etcd = shutil.which("etcd")
    if etcd is None:
        pytest.skip("etcd is not installed (Debian's etcd-server)")
    authority = CertificateAuthority.load_or_create(folder / "certificates", "test")
    certificate = authority.issue("server", "server", addresses=["127.0.0.1"])
    tokens = folder / "tokens.key"
    create_rsa_key_pair(tokens, folder / "tokens.pub")
    client, peer, secure, controllers = free_ports(4)
    plane = ControlPlane(folder, authority, f"https://127.0.0.1:{secure}")
    plane.add_user("admin", group="system:masters")
    store, peers = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    commands = [
        [
            etcd,
            f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls={store}",
            f"--advertise-client-urls={store}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
        ],
        [
            str(programs.kube_apiserver),
            f"--etcd-servers={store}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={secure}",
            f"--client-ca-file={authority.certificate}",
            f"--tls-cert-file={certificate.certificate}",
            f"--tls-private-key-file={certificate.key}",
            "--service-account-issuer=https://issuer.test",
            f"--service-account-key-file={folder / 'tokens.pub'}",
            f"--service-account-signing-key-file={tokens}",
            "--service-cluster-ip-range=10.77.0.0/24",
            "--authorization-mode=RBAC",
            "--endpoint-reconciler-type=none",
        ],
        [
            str(programs.kube_controller_manager),
            f"--kubeconfig={plane.kubeconfig}",
            "--bind-address=127.0.0.1",
            f"--secure-port={controllers}",
            "--leader-elect=false",
        ],
    ]
    running: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            log = (folder / f"{Path(command[0]).name}.log").open("wb")
            running.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))
            if len(running) == 2:
                wait_until("the API server answers", 60, lambda: _ready(plane))
        yield plane
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(timeout=30)


def _ready(plane: ControlPlane) -> bool:
    try:
        return plane.kubectl("get", "--raw=/readyz") == "ok"
    except subprocess.CalledProcessError:
        return False

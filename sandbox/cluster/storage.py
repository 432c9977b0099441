"""Storage classes of the cluster and the process that makes their volumes."""

import sys

from sandbox import processes
from sandbox.cluster.api_client import JsonObject, KubernetesApi
from sandbox.cluster.credentials import VOLUME_PROVISIONER, Credentials
from sandbox.cluster.paths import ClusterPaths
from sandbox.layout import REPOSITORY, Layout

PROVISIONER = "local-folder.vault-sandbox"
"""What the storage classes name as their provisioner: `sandbox.cluster.volume_provisioner`."""

DEFAULT_STORAGE_CLASS = "standard"
_STORAGE_CLASSES = (DEFAULT_STORAGE_CLASS, "gp3")
_USER = "vault-sandbox:volume-provisioner"


def start_storage(layout: Layout, paths: ClusterPaths, credentials: Credentials, api: KubernetesApi) -> None:
    """Create the storage classes "standard" (the default) and "gp3", and start what provisions for them."""
    for name in _STORAGE_CLASSES:
        api.create("/apis/storage.k8s.io/v1/storageclasses", _storage_class(name))
    for path, body in _access():
        api.create(path, body)
    paths.volumes.mkdir()
    client = credentials.clients[VOLUME_PROVISIONER]
    processes.start(
        layout,
        VOLUME_PROVISIONER,
        [
            sys.executable,
            "-m",
            "sandbox.cluster.volume_provisioner",
            f"--volumes={paths.volumes}",
            f"--certificate-authority={credentials.authority.certificate}",
            f"--certificate={client.certificate}",
            f"--key={client.key}",
        ],
        cwd=REPOSITORY,
    )


def _storage_class(name: str) -> JsonObject:
    default = {"storageclass.kubernetes.io/is-default-class": "true"} if name == DEFAULT_STORAGE_CLASS else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": default},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",  # as EKS's classes for EBS have it
    }


def _access() -> list[tuple[str, JsonObject]]:
    group = "rbac.authorization.k8s.io"
    role = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": _USER},
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["persistentvolumes"],
                "verbs": ["list", "watch", "create", "delete"],
            },
            {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["list", "watch"]},
            {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
        ],
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": _USER},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": _USER},
        "subjects": [{"apiGroup": group, "kind": "User", "name": _USER}],
    }
    return [(f"/apis/{group}/v1/clusterroles", role), (f"/apis/{group}/v1/clusterrolebindings", binding)]

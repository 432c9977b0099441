"""What the program does beside three voters, by hand: auditing, and one snapshot by the schedule's job.

It is read from a deployment of the program, and made once more in that of the bare minimum with as few calls
as there can be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.cluster.api_client import JsonObject, KubernetesApi
from sandbox.processes import wait_until
from tests.benchmarks.vault_cluster import POLL_SECONDS, VaultCluster

_JOB_SECONDS = 120
_JOB = "by-hand"
_COLLECTIONS: Mapping[str, str] = {
    "ServiceAccount": "api/v1/namespaces/{}/serviceaccounts",
    "ConfigMap": "api/v1/namespaces/{}/configmaps",
    "PersistentVolumeClaim": "api/v1/namespaces/{}/persistentvolumeclaims",
}


@dataclass(frozen=True)
class KeptForYears:
    """Calls of Vault and objects of Kubernetes, as they can be made once more."""

    calls: Sequence[tuple[str, Mapping[str, object]]]
    """Paths and bodies, in their order."""
    objects: Sequence[tuple[str, JsonObject]]
    """Paths of collections, and what is created in them."""
    job: JsonObject
    """Specification of the job."""

    @classmethod
    def of(cls, api: KubernetesApi, cluster: VaultCluster) -> "KeptForYears":
        """Return what a deployment of the program has."""
        release = cluster.release
        name = f"{release.statefulset}-snapshot"
        names = {"PersistentVolumeClaim": f"{name}s"}
        objects = []
        for kind, collection in _COLLECTIONS.items():
            path = f"/{collection.format(release.namespace)}"
            objects.append((path, _anew(api.get(f"{path}/{names.get(kind, name)}"))))
        devices = sorted(cluster.read("sys/audit").items())
        policy = cluster.read(f"sys/policies/acl/{name}")
        role = cluster.read(f"auth/kubernetes/role/{name}")
        cron_job = api.get(f"/apis/batch/v1/namespaces/{release.namespace}/cronjobs/{name}")
        return cls(
            calls=[
                *((f"sys/audit/{path.rstrip('/')}", _device(device)) for path, device in devices),
                (f"sys/policies/acl/{name}", {"policy": policy["policy"]}),
                ("sys/auth/kubernetes", {"type": "kubernetes"}),
                ("auth/kubernetes/config", {"kubernetes_host": "https://kubernetes.default.svc"}),
                (f"auth/kubernetes/role/{name}", role),
            ],
            objects=objects,
            job=cron_job["spec"]["jobTemplate"]["spec"],
        )

    def make(self, api: KubernetesApi, cluster: VaultCluster) -> None:
        """Make it; raises :class:`SandboxError` if the job doesn't end well."""
        address = cluster.active_address()
        for path, body in self.calls:
            cluster.change(address, path, body)
        for path, content in self.objects:
            api.create(path, content)
        jobs = f"/apis/batch/v1/namespaces/{cluster.release.namespace}/jobs"
        api.create(jobs, {"metadata": {"name": _JOB}, "spec": self.job})
        wait_until(
            "a snapshot is kept",
            _JOB_SECONDS,
            lambda: bool(api.get(f"{jobs}/{_JOB}")["status"].get("succeeded")),
            interval_seconds=POLL_SECONDS,
        )


def _device(device: Mapping[str, Any]) -> Mapping[str, object]:
    return {"type": device["type"], "options": device["options"]}


def _anew(found: JsonObject) -> JsonObject:
    """Return an object without what the cluster has made of it."""
    metadata = {"name": found["metadata"]["name"]}
    kept = {name: value for name, value in found.items() if name in ("data", "automountServiceAccountToken")}
    if found.get("spec"):
        kept["spec"] = {name: found["spec"][name] for name in ("accessModes", "resources")}
    return {"metadata": metadata, **kept}

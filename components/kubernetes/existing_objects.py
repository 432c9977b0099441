"""Finds the resources of the stack that exist in the Kubernetes cluster."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.kubernetes.kubectl import Kubectl, KubernetesTarget
from components.planned_resource import Finder, PlannedResource
from components.resource_types import (
    BACKEND_TLS_POLICY,
    CERTIFICATE,
    CONFIG_MAP,
    CRON_JOB,
    KUBERNETES_SECRET,
    NAMESPACE,
    NETWORK_POLICY,
    POD_MONITOR,
    PROMETHEUS_RULE,
    RELEASE,
    SERVICE_ACCOUNT,
    VOLUME_CLAIM,
)


@dataclass(frozen=True)
class ExistingObjects:
    """Looks for the resources of one plan in a cluster, and in Vault's namespace there."""

    target: KubernetesTarget

    @property
    def finders(self) -> Mapping[str, Finder]:
        """The look-ups by the type of the resource."""
        return {
            BACKEND_TLS_POLICY: self._object,
            CERTIFICATE: self._object,
            CONFIG_MAP: self._object,
            CRON_JOB: self._object,
            NAMESPACE: self._namespace,
            KUBERNETES_SECRET: self._object,
            NETWORK_POLICY: self._object,
            POD_MONITOR: self._object,
            PROMETHEUS_RULE: self._object,
            RELEASE: self._release,
            SERVICE_ACCOUNT: self._object,
            VOLUME_CLAIM: self._object,
        }

    def _namespace(self, _namespace: PlannedResource) -> str | None:
        name = self.target.namespace
        return name if Kubectl(self.target).get("namespace", name) is not None else None

    def _object(self, planned: PlannedResource) -> str | None:
        kind, name = str(planned.inputs["kind"]).lower(), str(planned.inputs["metadata"]["name"])
        if group := str(planned.inputs["apiVersion"]).rpartition("/")[0]:
            # Other groups may have a kind of that name.
            kind = f"{kind}.{group}"
        return self._here(name) if Kubectl(self.target).get(kind, name) is not None else None

    def _release(self, release: PlannedResource) -> str | None:
        name = release.text("name")
        # Helm has a Secret for each revision.
        selector = f"--selector=owner=helm,name={name}"
        found = Kubectl(self.target).run(["get", "secrets", selector, "--output=name"])
        return self._here(name) if found.strip() else None

    def _here(self, name: str) -> str:
        return f"{self.target.namespace}/{name}"

"""Finds the resources of the stack that exist in the Kubernetes cluster."""

from dataclasses import dataclass

from components.kubernetes.kubectl import Kubectl, KubernetesTarget
from components.planned_resource import PlannedResource

RELEASE = "kubernetes:helm.sh/v3:Release"


@dataclass(frozen=True)
class ExistingObjects:
    """Looks for the resources of one plan in a cluster, and in Vault's namespace there."""

    target: KubernetesTarget

    def find(self, resource: PlannedResource) -> str | None:
        """Return the id with which the resource is imported; None if it doesn't exist.

        Raises :class:`KubectlError` if the API server can't be asked.
        """
        kubectl, namespace = Kubectl(self.target), self.target.namespace
        if resource.type == RELEASE:
            name = resource.text("name")
            # Helm has a Secret for each revision.
            selector = f"--selector=owner=helm,name={name}"
            found = kubectl.run(["get", "secrets", selector, "--output=name"]).strip()
            return f"{namespace}/{name}" if found else None
        name = str(resource.inputs["metadata"]["name"])
        if kubectl.get(str(resource.inputs["kind"]), name) is None:
            return None
        return f"{namespace}/{name}" if "namespace" in resource.inputs["metadata"] else name

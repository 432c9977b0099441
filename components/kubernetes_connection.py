"""Connects to the Kubernetes API: through a context that the settings name, or the managed cluster itself."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import yaml

from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubernetesTarget, require_command
from components.kubernetes.managed_cluster import ManagedCluster
from components.kubernetes_identity import KubernetesIdentity
from components.settings import Settings


@dataclass(frozen=True)
class KubernetesConnection:
    """The connection to the API server."""

    target: KubernetesTarget
    """For calls with kubectl."""
    provider: kubernetes.Provider
    """For Pulumi's Kubernetes resources."""
    cluster_uid: pulumi.Output[str]
    """Identity of the cluster that answers."""


def connect_kubernetes(settings: Settings, cluster: ManagedCluster | None) -> KubernetesConnection:
    """Create the explicit Kubernetes provider; the current context of a kubeconfig is never used.

    Raises :class:`DeploymentError` if the context doesn't exist, a command is missing, or (when deploying,
    not in a preview) the API server doesn't answer: before any resource, so that nothing is half-created.
    """
    target = _target(settings, cluster)
    if settings.pod_address is None or not pulumi.runtime.is_dry_run():
        require_command(
            "kubectl", "it reaches Vault's pods and reads their logs; see kubernetes.io/docs/tasks/tools"
        )
    if not pulumi.runtime.is_dry_run():
        Kubectl(target).require_reachable()
    identity = KubernetesIdentity("kubernetes-identity", target)
    provider = kubernetes.Provider(
        "kubernetes",
        kubeconfig=target.kubeconfig or None,
        context=target.context,
        # Without it the provider, and everything created through it, is replaced when the text of the
        # kubeconfig changes, such as by a new CA certificate.
        cluster_identifier=_cluster_identity(settings, cluster),
        # Else a Secret whose content changes is deleted and created again, and a pod that starts just then
        # doesn't find it.
        enable_secret_mutable=True,
        # No call goes to a cluster before it's known to be the right one.
        opts=pulumi.ResourceOptions(depends_on=[identity]),
    )
    return KubernetesConnection(target=target, provider=provider, cluster_uid=identity.uid)


def _target(settings: Settings, cluster: ManagedCluster | None) -> KubernetesTarget:
    if settings.kube_context is not None:
        _require_context(settings.kubeconfig, settings.kube_context)
        return KubernetesTarget(
            kubeconfig=settings.kubeconfig or "", context=settings.kube_context, namespace=settings.namespace
        )
    if cluster is None:
        raise DeploymentError("There is neither a kubeContext nor a clusterName to deploy to.")
    command, source = cluster.token_command
    require_command(command, f"it makes the tokens for {cluster.name}; see {source}, or set kubeContext")
    return KubernetesTarget(
        kubeconfig=cluster.kubeconfig(), context=cluster.name, namespace=settings.namespace
    )


def _cluster_identity(settings: Settings, cluster: ManagedCluster | None) -> str:
    if cluster is not None:
        return cluster.identity
    return f"context:{settings.kube_context}"


def _require_context(kubeconfig: str | None, context: str) -> None:
    """Raise if no kubeconfig in use has the context, naming the existing ones."""
    # kubectl treats an empty KUBECONFIG as unset.
    usual = os.environ.get("KUBECONFIG") or "~/.kube/config"
    places = [kubeconfig] if kubeconfig else usual.split(os.pathsep)
    names: list[str] = []
    for place in filter(None, places):
        path = Path(place).expanduser()
        if path.is_file():
            names.extend(_context_names(path))
        elif kubeconfig:
            raise DeploymentError(f"The kubeconfig {kubeconfig!r} doesn't exist; fix the setting kubeconfig.")
    if context not in names:
        known = ", ".join(sorted(names)) or "none at all"
        searched = ", ".join(filter(None, places))
        raise DeploymentError(
            f"There is no context {context!r} in {searched} (known: {known}). "
            "Set kubeContext to the context of the cluster that Vault is meant for."
        )


def _context_names(path: Path) -> list[str]:
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DeploymentError(f"The kubeconfig {path} can't be read: {type(error).__name__}.") from None
    contexts = document.get("contexts") if isinstance(document, dict) else None
    return [str(entry.get("name")) for entry in contexts or [] if isinstance(entry, dict)]

"""The managed Kubernetes cluster that Vault runs on, whichever cloud it is of."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.settings import Settings

if TYPE_CHECKING:
    from components.webhook_access import OpenedWebhook


@dataclass(frozen=True)
class ManagedCluster(ABC):
    """What a connection needs to know of a cluster that a cloud manages."""

    name: str

    @property
    @abstractmethod
    def identity(self) -> str:
        """What stays the same as long as it is this cluster, whatever its certificate or address."""

    @property
    @abstractmethod
    def token_command(self) -> tuple[str, str]:
        """The command that makes its tokens, and where to get it."""

    @abstractmethod
    def open_webhook(self, settings: Settings) -> "OpenedWebhook":
        """Lets the control plane reach the injector's webhook on the nodes, past a firewall if need be."""

    @abstractmethod
    def kubeconfig(self) -> str:
        """A kubeconfig, as JSON, with one context of the cluster's name. It holds no credential."""


def look_up_cluster(settings: Settings) -> ManagedCluster | None:
    """The cluster that the settings name; None where they name none.

    Everything that has to be there already is looked up here, before any resource is made. Raises
    :class:`DeploymentError` where something isn't.
    """
    if settings.cluster is None:
        return None
    # One cloud's SDK is enough: each takes a part of a second of every command.
    if settings.cluster.project is not None:
        from components.gke_cluster import look_up_gke_cluster

        return look_up_gke_cluster(settings, settings.cluster)
    from components.eks_cluster import look_up_eks_cluster

    return look_up_eks_cluster(settings, settings.cluster)

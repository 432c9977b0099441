"""The managed Kubernetes cluster that Vault runs on, whichever cloud runs it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

Cloud = Literal["aws", "google"]


@dataclass(frozen=True)
class ManagedCluster(ABC):
    """Describe what a connection needs to know of a cluster that a cloud manages."""

    cloud: ClassVar[Cloud]
    name: str

    @property
    @abstractmethod
    def identity(self) -> str:
        """Name what stays the same as long as it is this cluster, whatever its certificate or address."""

    @property
    @abstractmethod
    def token_command(self) -> tuple[str, str]:
        """Return the command that issues the cluster's tokens, and the address of its guide."""

    @abstractmethod
    def kubeconfig(self) -> str:
        """Return a kubeconfig, as JSON, with one context of the cluster's name. It holds no credential."""

"""Declares what every cloud's managed Kubernetes cluster provides."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

Cloud = Literal["aws", "google"]


@dataclass(frozen=True)
class ManagedCluster(ABC):
    """A managed Kubernetes cluster: its identity and how kubectl connects to it."""

    cloud: ClassVar[Cloud]
    name: str

    @property
    @abstractmethod
    def identity(self) -> str:
        """An identifier that never changes for this cluster, whatever its certificate or address."""

    @property
    @abstractmethod
    def token_command(self) -> tuple[str, str]:
        """The command that issues the cluster's tokens, and the URL of its guide."""

    @abstractmethod
    def kubeconfig(self) -> str:
        """Return a kubeconfig, as JSON, with one context of the cluster's name. It holds no credential."""

"""What a seal has to do. A further one is a file in this folder, named as Vault names it."""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import pulumi

from components import seals
from components.errors import DeploymentError

if TYPE_CHECKING:
    # At run time the settings need this module.
    from components.kubernetes_connection import KubernetesConnection
    from components.managed_cluster import ManagedCluster
    from components.settings.model import ClusterSettings, Settings
    from components.settings.reader import SettingsReader

Cloud = Literal["aws", "google", ""]


@dataclass(frozen=True)
class SealStanza:
    """A seal stanza of Vault's configuration: its type and its parameters. Nothing secret belongs there."""

    type: str
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class SecretVariable:
    """An environment variable of Vault's container that a Secret in Vault's namespace holds."""

    name: str
    secret: str
    key: str


@dataclass(frozen=True)
class SecretMount:
    """A Secret in Vault's namespace as a read-only folder of Vault's container, one file a key."""

    name: str
    """Name of the volume."""
    secret: pulumi.Input[str]
    path: str
    """Where it is mounted, an absolute path."""


@dataclass(frozen=True)
class PodNeeds:
    """What Vault's pods have to have so that Vault can use the seal."""

    service_account_annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    pod_labels: Mapping[str, str] = field(default_factory=dict)
    pod_annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of Vault's container; readable in the pod's specification."""
    secret_environment: Sequence[SecretVariable] = ()
    secret_mounts: Sequence[SecretMount] = ()


@dataclass(frozen=True)
class ProvisionedSeal:
    """What the release, the init and the stack's outputs need to know of a seal."""

    stanza: pulumi.Output[SealStanza] | None = None
    """Seal stanza of Vault's configuration; None for Shamir, which has none."""
    pods: PodNeeds = field(default_factory=PodNeeds)
    prerequisites: Sequence[pulumi.Resource] = ()
    """What has to exist before Vault starts: a Vault without permission can be bricked by its init."""
    key: pulumi.Input[str] = ""
    """What names the seal's key, to be kept beside the keys of Vault; empty for Shamir."""
    preflight: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """What the seal is tried with before the init, see `seal_preflight.py`; empty where it needs no key."""
    outputs: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """Stack outputs that this seal adds; none of them is secret."""


@dataclass(frozen=True)
class Surroundings:
    """What there is already when a seal is provisioned."""

    cluster: "ManagedCluster | None"
    """The managed cluster that Vault runs on; None for any other one."""
    kubernetes: "KubernetesConnection"
    namespace: pulumi.Input[str]
    """Vault's namespace, known once it is there."""


@dataclass(frozen=True)
class Seal(ABC):
    """The settings of one seal, and what it takes to use it."""

    type: ClassVar[str]
    """Vault's name of the seal, which is the module's name."""
    purpose: ClassVar[str]
    """When to take it: half a sentence for whoever has to choose."""
    sections: ClassVar[Sequence[str]] = ()
    """The top-level settings that belong to this seal."""
    cloud: ClassVar[Cloud] = ""
    """The cloud whose cluster or project it needs; empty for none."""
    unseals_itself: ClassVar[bool] = True
    """Whether a pod that restarts needs nobody; only Shamir's does."""

    @classmethod
    @abstractmethod
    def from_settings(cls, reader: "SettingsReader", cluster: "ClusterSettings | None") -> Self:
        """Reads the sections of this seal, and reports what is wrong in them.

        ``cluster`` is the managed cluster that Vault runs on; None for any other one.
        """

    @abstractmethod
    def provision(self, settings: "Settings", surroundings: Surroundings) -> ProvisionedSeal:
        """Makes the key and the identity that may use it, where the seal has any.

        What is slow to import is imported in here, as every command reads the settings. Raises
        :class:`DeploymentError` where the seal doesn't fit the surroundings.
        """


def seal_types() -> Sequence[str]:
    """The types of all seals that there are, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(seals.__path__) if module.name != "seal")


def seal_class(seal_type: str) -> type[Seal]:
    """The class of a seal; raises :class:`DeploymentError` where its module has none."""
    module = importlib.import_module(f"{seals.__name__}.{seal_type}")
    found = getattr(module, "Seal", None)
    if not isinstance(found, type) or not issubclass(found, Seal):
        raise DeploymentError(f"Module {module.__name__} has no class Seal that derives from seal.Seal.")
    return found

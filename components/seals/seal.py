"""What a seal has to do. A further one is a file in this folder, named as Vault names it."""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

import pulumi

from components import seals
from components.config.reader import ConfigReader
from components.errors import DeploymentError
from components.kubernetes.kubectl import KubernetesTarget
from components.seal_preflight import KeyWrapper

if TYPE_CHECKING:
    # Each cloud's SDK takes a part of a second of every command.
    from components.aws.cluster import EksCluster
    from components.google.cluster import GkeCluster

Cloud = Literal["aws", "google", ""]


@dataclass(frozen=True)
class SealStanza:
    """A seal stanza of Vault's configuration: its type and its parameters. Nothing secret belongs there."""

    type: str
    parameters: Mapping[str, str]

    def disabled(self) -> Self:
        """Return the stanza of a seal that Vault is migrated away from.

        Source: Vault's documents, "Seal migration".
        """
        return replace(self, parameters={**self.parameters, "disabled": "true"})


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
class PodRequirements:
    """List pod settings that the seal needs: labels, annotations, environment, Secrets."""

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
    pods: PodRequirements = field(default_factory=PodRequirements)
    prerequisites: Sequence[pulumi.Resource] = ()
    """What has to exist before Vault starts: a Vault without permission can be bricked by its init."""
    key: pulumi.Input[str] = ""
    """What names the seal's key, to be kept beside the keys of Vault; empty for Shamir."""
    preflight: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """What the seal is proved with before the init: its type as ``seal``, and what its module wants to know;
    empty if it has no key to prove."""
    outputs: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """Stack outputs that this seal adds; none of them is secret."""


@dataclass(frozen=True)
class SealArgs:
    """Name what a seal is provisioned from besides its own settings."""

    cluster: "EksCluster | GkeCluster | None"
    """The managed cluster that Vault runs on; None for any other one."""
    kubernetes_provider: pulumi.ProviderResource
    namespace: pulumi.Input[str]
    """Vault's namespace, known once it exists."""
    namespace_name: str
    """The same, known from the start."""
    service_account: str
    """Name of the service account of Vault's pods."""
    pod: str
    """Name of pod 0."""
    pod_start_seconds: int
    """How long pod 0 may take until it answers."""
    project: str | None
    """Google project of key and identity; None if the stack uses nothing of Google Cloud."""
    enable_apis: bool
    """Whether the Google APIs that the seal needs are enabled."""
    key_statements: Sequence[Mapping[str, Any]]
    """Statements of the AWS key's policy for uses besides unsealing."""
    protect: bool
    """Whether Pulumi refuses to delete the key."""
    tags: Mapping[str, str]
    """Tags of every AWS resource, labels of every Google resource that takes any."""


@dataclass(frozen=True)
class Seal(ABC):
    """The settings of one seal, and what it takes to use it."""

    type: ClassVar[str]
    """Vault's name of the seal, which is the module's name."""
    purpose: ClassVar[str]
    """When to take it: half a sentence for whoever has to choose."""
    preflight_module: ClassVar[str] = ""
    """Module with ``prove_seal``, see :func:`prove_seal`; empty for a seal whose key isn't proved."""
    sections: ClassVar[Sequence[str]] = ()
    """The top-level settings that belong to this seal."""
    cloud: ClassVar[Cloud] = ""
    """The cloud whose cluster or project it needs; empty for none."""
    unseals_itself: ClassVar[bool] = True
    """Whether a pod that restarts needs nobody; only Shamir's does."""

    @property
    def needs_pod_identity(self) -> bool:
        """Whether the managed cluster has to vouch for Vault's pods (IRSA, Workload Identity)."""
        return False

    @classmethod
    @abstractmethod
    def from_settings(cls, reader: ConfigReader, cluster_name: str | None) -> Self:
        """Read the sections of this seal, and report what is wrong in them.

        ``cluster_name`` is the managed cluster's that Vault runs on; None for any other one.
        """

    @abstractmethod
    def provision(self, args: SealArgs) -> ProvisionedSeal:
        """Create the key and the identity that may use it, if the seal has any.

        What is slow to import is imported in here, as every command reads the settings. Raises
        :class:`DeploymentError` if the seal doesn't fit the cluster.
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


class _PreflightModule(Protocol):
    def prove_seal(
        self, properties: Mapping[str, Any], target: KubernetesTarget, seconds: float
    ) -> KeyWrapper: ...


def prove_seal(properties: Mapping[str, Any], target: KubernetesTarget, seconds: float) -> KeyWrapper:
    """Use the seal's key as Vault's pods will, and nothing else; return it, to encrypt the journal with.

    ``properties`` has the seal's type as ``seal``, and what its module wants to know. That module is loaded
    only here, as SDKs are slow. ``target`` is the cluster and namespace of Vault's pods; ``seconds`` is how
    long new permissions may take to reach every part of the cloud. Raises :class:`DeploymentError` with the
    action that failed, the key service's own words and the fix.
    """
    module: _PreflightModule = importlib.import_module(seal_class(str(properties["seal"])).preflight_module)
    return module.prove_seal(properties, target, seconds)

"""Declares the interface of a seal. A new seal is a file in this folder, named as Vault names it."""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

import pulumi

from components import seals
from components.aws.provider_settings import AwsProviderSettings
from components.config.patterns import SECRET_KEY, SECRET_NAME
from components.config.reader import ConfigReader
from components.errors import DeploymentError
from components.kubernetes.kubectl import KubernetesTarget
from components.seal_preflight import KeyWrapper

if TYPE_CHECKING:
    # Importing a cloud's SDK takes a part of a second, which every command would pay.
    from components.aws.cluster import EksCluster
    from components.google.cluster import GkeCluster

Cloud = Literal["aws", "google", ""]


@dataclass(frozen=True)
class SealStanza:
    """A seal stanza of Vault's configuration: its type and its parameters, none of them secret."""

    type: str
    parameters: Mapping[str, str]

    def disabled(self) -> Self:
        """Return the stanza of a seal that Vault is migrated away from.

        Source: Vault's documents, "Seal migration".
        """
        return replace(self, parameters={**self.parameters, "disabled": "true"})


@dataclass(frozen=True)
class Destination:
    """A place on the network that Vault's pods have to reach over TCP."""

    ports: Sequence[int]
    ranges: Sequence[str] = ()
    """Its addresses (CIDR); empty if they aren't known or change."""


@dataclass(frozen=True)
class SecretVariable:
    """An environment variable of Vault's container that comes from a Secret in Vault's namespace."""

    name: str
    secret: str
    key: str


@dataclass(frozen=True)
class SecretEntry:
    """One entry of a Secret in Vault's namespace."""

    name: str
    """Name of the Secret."""
    key: str

    @classmethod
    def from_settings(cls, reader: ConfigReader, default_name: str | None, default_key: str) -> Self:
        """Read the section's `name`, which must be set if it has no default, and `key`."""
        fix = "name a Secret in Vault's namespace"
        entry = cls(
            name=reader.required_text("name", SECRET_NAME, fix)
            if default_name is None
            else reader.text("name", default_name, SECRET_NAME, fix),
            key=reader.text("key", default_key, SECRET_KEY, "name the key in the Secret's data"),
        )
        reader.unknown_keys()
        return entry


@dataclass(frozen=True)
class SecretMount:
    """A Secret in Vault's namespace, mounted into Vault's container read-only with one file per key."""

    name: str
    """Name of the volume."""
    secret: pulumi.Input[str]
    path: str
    """Absolute path of the mount."""


@dataclass(frozen=True)
class TokenMount:
    """A token of the pods' service account as the file ``token`` in a folder of Vault's container."""

    name: str
    """Name of the volume."""
    audience: str
    path: str
    """The folder."""


@dataclass(frozen=True)
class PodRequirements:
    """Pod settings that the seal needs: labels, annotations, environment, Secrets, tokens."""

    service_account_annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    pod_labels: Mapping[str, str] = field(default_factory=dict)
    pod_annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of Vault's container; readable in the pod's specification."""
    secret_environment: Sequence[SecretVariable] = ()
    secret_mounts: Sequence[SecretMount] = ()
    token_mounts: Sequence[TokenMount] = ()


@dataclass(frozen=True)
class ProvisionedSeal:
    """The resources of a seal, as the release, the init and the stack's outputs need them."""

    stanza: pulumi.Output[SealStanza] | None = None
    """Seal stanza of Vault's configuration; None for Shamir, which has none."""
    pods: PodRequirements = field(default_factory=PodRequirements)
    prerequisites: Sequence[pulumi.Resource] = ()
    """Resources that Vault's start depends on: a Vault without permission can be bricked by its init."""
    key: pulumi.Input[str] = ""
    """Name of the seal's key, stored beside the keys of Vault; empty for Shamir."""
    preflight: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Input of the proof before the init: the seal's type as ``seal`` and the properties its module takes;
    empty if it has no key to prove."""
    outputs: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """Stack outputs that this seal adds; none of them is secret."""


@dataclass(frozen=True)
class SealArgs:
    """The arguments of :meth:`Seal.provision` besides the seal's own settings."""

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
    """Seconds that pod 0 may take until it answers."""
    project: str | None
    """Google project of key and identity; None if the stack uses nothing of Google Cloud."""
    enable_apis: bool
    """Whether the Google APIs that the seal needs are enabled."""
    aws_provider: AwsProviderSettings
    """Configuration of the AWS provider on a cluster other than EKS."""
    guard: "pulumi.Resource | None"
    """Refuses another key than the one that Vault is sealed with, so what imports a key, or lets Vault use no
    other one, depends on it. None unless :meth:`Seal.key_in_settings` names the key."""
    key_statements: Sequence[Mapping[str, Any]]
    """Statements of the AWS key's policy for uses besides unsealing."""
    protect: bool
    """Whether Pulumi refuses to delete the key."""
    tags: Mapping[str, str]
    """Tags of every AWS resource, labels of every Google resource that takes any."""


@dataclass(frozen=True)
class Seal(ABC):
    """The settings of one seal, and the resources that it takes to use it."""

    type: ClassVar[str]
    """Vault's name of the seal, which is the module's name."""
    purpose: ClassVar[str]
    """When to choose this seal, as half a sentence for the settings' error message."""
    preflight_module: ClassVar[str] = ""
    """Module with ``prove_seal``, see :func:`prove_seal`; empty for a seal whose key isn't proved."""
    sections: ClassVar[Sequence[str]] = ()
    """The top-level settings that belong to this seal."""
    cloud: ClassVar[Cloud] = ""
    """The cloud that its key is in, if the stack creates that or its identity; empty for none."""
    unseals_itself: ClassVar[bool] = True
    """Whether a restarted pod unseals without people; false for Shamir only."""

    @property
    def needs_managed_cluster(self) -> bool:
        """Whether it works on a managed cluster of its :attr:`cloud` alone."""
        return False

    @property
    def region_without_cluster(self) -> str:
        """The AWS region of its key on a cluster other than EKS; empty for a seal without a key in AWS."""
        return ""

    @property
    def needs_token_issuer(self) -> bool:
        """Whether the cloud has to trust the tokens of the managed cluster (IRSA, Workload Identity)."""
        return False

    @property
    def needs_pod_identity_agent(self) -> bool:
        """Whether the EKS cluster has to have the EKS Pod Identity Agent."""
        return False

    @property
    def trusts_by_environment(self) -> bool:
        """Whether Vault's environment says which authorities its key's service is verified by."""
        return False

    @property
    def destinations(self) -> Sequence[Destination]:
        """What the pods have to reach for it besides HTTPS on port 443."""
        return ()

    @classmethod
    @abstractmethod
    def from_settings(cls, reader: ConfigReader, cluster_name: str | None) -> Self:
        """Read the sections of this seal, and report what is wrong in them.

        ``cluster_name`` is that of the managed cluster that Vault runs on; None for any other one.
        """

    def key_in_settings(self, args: SealArgs) -> str | None:  # noqa: ARG002
        """Return what identifies the key, if the settings alone say it; another text is another key.

        By default None: it is :attr:`ProvisionedSeal.key`, known once the seal is provisioned.
        """
        return None

    @classmethod
    def same_key(cls, old: str, new: str) -> bool:
        """Return whether two names of keys (:attr:`ProvisionedSeal.key`) are of one key."""
        return old == new

    @classmethod
    def reuse_of_key(cls, key: str) -> str:  # noqa: ARG003
        """Return what to say, when the stack is destroyed, of a key that stays; by default nothing."""
        return ""

    @abstractmethod
    def provision(self, args: SealArgs) -> ProvisionedSeal:
        """Create the key and the identity that may use it, if the seal has any.

        Slow imports belong inside, as every command reads the settings. Raises :class:`DeploymentError` if
        the seal doesn't fit the cluster.
        """


def seal_types() -> Sequence[str]:
    """Return the types of all seals, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(seals.__path__) if module.name != "seal")


def seal_class(seal_type: str) -> type[Seal]:
    """Return the class of a seal; raise :class:`DeploymentError` if its module has none."""
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
    """Prove that Vault's pods can use the seal's key; return the key, to encrypt the journal with.

    ``properties`` has the seal's type as ``seal``, and the properties that its module takes. That module is
    loaded only here, as SDKs are slow. ``target`` is the cluster and namespace of Vault's pods; ``seconds``
    is how long new permissions may take to reach every part of the cloud. Raises :class:`DeploymentError`
    with the action that failed, the key service's error message and the fix.
    """
    module: _PreflightModule = importlib.import_module(seal_class(str(properties["seal"])).preflight_module)
    return module.prove_seal(properties, target, seconds)

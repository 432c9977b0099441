"""Declares the types of the settings, which ``load.py`` reads and validates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi

from components.aws.provider_settings import AwsProviderSettings
from components.custody.key_store import KeyStore, store_to_properties
from components.seals.seal import Seal, SecretEntry
from components.settings.audit import AuditSettings
from components.settings.cloud import ClusterSettings, WebhookFirewallSettings
from components.settings.deployed_vault import DeployedVault
from components.settings.gateway import GatewaySettings
from components.settings.images import ImageSettings
from components.settings.injector import InjectorSettings
from components.settings.metrics import MetricsSettings
from components.settings.network_policy import NetworkPolicySettings
from components.settings.pods import (
    DisruptionBudgetSettings,
    LogSettings,
    PodSettings,
    TopologySpreadSettings,
)
from components.settings.server_configuration import ExtraConfiguration, ListenerSettings
from components.settings.services import ServiceSettings, UiServiceSettings
from components.settings.snapshots import SnapshotSettings
from components.settings.tls import TlsSettings
from components.settings.upgrade import UpgradeSettings

RetryJoin = Literal["active-service", "pod-names"]
Mode = Literal["ha", "standalone"]
BackendTls = Literal["none", "nginx", "alb", "gce"]
"""The Ingress controller that speaks TLS to Vault: ingress-nginx, AWS's or GKE's; none for any other one."""
Ownership = Literal["own", "handover", "others"]
"""Who installs Vault's Helm release: the stack; the stack, and it stays when it leaves the stack; others."""


@dataclass(frozen=True)
class ChartSettings:
    """The source of the official Vault chart: a repository and version, or a path."""

    repository: str | None
    """URL of the Helm repository, or of a path in an OCI registry; None if ``path`` is given."""
    version: str | None
    """Version of the chart in the repository; None if ``path`` is given."""
    path: str | None
    """Folder or archive of the chart on this machine; None if it comes from the repository."""
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Further values of the chart, none of which the program sets; None where Helm removes a default."""
    secret_values: bool = False
    """Whether some of the values are secrets, so that none is shown."""
    username: str | None = None
    """Name of the user of the repository; None if it wants none."""
    password: str | None = field(default=None, repr=False)
    """Password of that user; a secret."""
    ca_file: str | None = None
    """Path of the CA certificates for the repository; None for those of this machine."""

    @property
    def in_registry(self) -> bool:
        """Whether the repository is an OCI registry."""
        return (self.repository or "").startswith("oci://")


@dataclass(frozen=True)
class StorageSettings:
    """The persistent volume of each pod."""

    enabled: bool
    """Whether the volume is created (only the audit volume can be left out)."""
    size: str
    """Size as a Kubernetes quantity, such as ``10Gi``. A StatefulSet can't change it later."""
    storage_class: str | None
    """Storage class; None takes the cluster's default."""


@dataclass(frozen=True)
class IngressSettings:
    """An Ingress in front of the active Vault."""

    host: str
    """Host name of the rule."""
    class_name: str | None
    """Ingress class; None takes the cluster's default."""
    path: str
    """Path of the rule."""
    path_type: Literal["Prefix", "Exact", "ImplementationSpecific"]
    """How the path is matched."""
    tls_secret: str | None
    """Name of the Secret with the certificate for the host; None leaves TLS to the controller."""
    annotations: Mapping[str, str]
    """Annotations of the Ingress."""
    backend_tls: BackendTls = "none"


@dataclass(frozen=True)
class RaftSettings:
    """Timing of raft and autopilot, and how pods find the cluster to join."""

    performance_multiplier: int
    """Factor of raft's heartbeat, election and lease timeouts (1 to 10)."""
    autopilot_reconcile_interval: str
    """How often autopilot promotes healthy peers to voters, as a Go duration."""
    autopilot_update_interval: str
    """How often autopilot checks the peers' health, as a Go duration."""
    retry_join: RetryJoin
    """Whether pods join through the Service of the active Vault or through each pod's name."""
    extra: ExtraConfiguration = field(default_factory=ExtraConfiguration)
    """More of raft's parameters."""


@dataclass(frozen=True)
class InitSettings:
    """The one-time operator init."""

    shares: int
    """Number of recovery shares (key shares with Shamir), 1 to 255."""
    threshold: int
    """Number of shares that are needed."""
    adopt: bool
    """Whether an initialised Vault is adopted instead of refused."""
    adopted_keys_file: str | None
    """Path of the JSON of its init, if its keys are adopted from a file."""
    preflight: bool
    """Whether the seal's key is proved with Vault's identity before the init."""
    pgp_keys: Sequence[str]
    """PGP public keys of the shares' holders, one per share: base64, or paths. Empty for plain shares."""
    root_token_pgp_key: str | None
    """PGP public key that the root token is encrypted to."""
    revoke_root_token: bool
    """Whether the root token is revoked once the voters are verified."""
    unauthenticated_generate_root: bool
    """Whether Vault 2.x lets a root token be generated from the shares without a token."""


@dataclass(frozen=True)
class CustodySettings:
    """The place where root token and shares are stored."""

    name: str
    """``state``, or the name of a store."""
    store: KeyStore | None
    """None stores them in the stack's encrypted state."""

    def to_properties(self) -> dict[str, Any]:
        """Return a resource's property; empty for the state, as the engine drops None."""
        return store_to_properties(self.name, self.store) if self.store is not None else {}


@dataclass(frozen=True)
class DeadlineSettings:
    """Timeouts, in seconds."""

    pod_start_seconds: int
    """Until pod 0 answers before init: scheduling, volumes, image, start."""
    quorum_seconds: int
    """Until every replica is a healthy voter."""
    preflight_seconds: int
    """Until Vault's identity may use the seal's key: IAM changes take minutes to spread."""
    webhook_seconds: int
    """Until the API server reaches the injector's webhook."""


@dataclass(frozen=True)
class Settings:
    """All settings of a stack."""

    seal: Seal
    """The seal of Vault."""
    migrate_from: Seal | None
    """The seal that Vault is migrated from; None if no migration is under way."""
    mode: Mode
    """``ha`` for high availability on raft, ``standalone`` for one pod on file storage."""
    storage_migrated_to: str | None
    """Storage that Vault's data were moved to by hand, `raft` or `file`; None if they never were."""
    cluster: ClusterSettings | None
    """The managed cluster; None if Vault runs on any other one."""
    project: str | None
    """Google project of key and identity; None if the stack uses nothing of Google Cloud."""
    enable_apis: bool
    """Whether the Google APIs that are needed are enabled."""
    webhook_firewall: WebhookFirewallSettings
    webhook_rule: bool
    """Whether the stack lets the control plane reach the injector's webhook through the cloud's firewall."""
    node_security_group_ids: Sequence[str]
    """Security groups of the nodes that the injector's pods may run on; empty for the EKS cluster's own."""
    kubeconfig: str | None
    """Path of a kubeconfig; None takes KUBECONFIG or the user's own."""
    kube_context: str | None
    """Context in the kubeconfig; None connects to the managed cluster directly."""
    namespace: str
    """Namespace that Vault runs in."""
    create_namespace: bool
    """Whether the stack creates the namespace; else it must exist."""
    release: Ownership
    release_name: str
    """Name of the Helm release."""
    chart: ChartSettings
    image: ImageSettings
    replicas: int
    """Number of Vault pods, each a raft voter: 1, 3, 5 or 7; 1 in standalone mode."""
    service_account: str
    """Name of the service account of Vault's pods."""
    data_storage: StorageSettings
    audit_storage: StorageSettings
    ingress: IngressSettings | None
    """None creates no Ingress."""
    ui: bool
    """Whether Vault serves its web interface."""
    injector: InjectorSettings
    image_pull_secrets: Sequence[str]
    """Names of the Secrets with which the images of Vault's and the injector's pods are pulled."""
    pods: PodSettings
    """Settings of Vault's pods."""
    topology_spread: TopologySpreadSettings | None
    """None spreads Vault's pods over nodes only."""
    disruption_budget: DisruptionBudgetSettings
    service: ServiceSettings
    ui_service: UiServiceSettings
    log: LogSettings
    extra_environment: Mapping[str, str]
    """Further environment variables of Vault's container."""
    raft: RaftSettings
    init: InitSettings
    custody: CustodySettings
    pod_address: str | None
    """Address of a pod with ``{pod}`` in it; None reaches pods through kubectl port-forward."""
    pod_address_ca_file: str | None
    """Path of the CA certificates for an address with https; None for those of this machine."""
    deadlines: DeadlineSettings
    protect: bool
    """Whether Pulumi refuses to delete the key, the namespace with the volumes, and the init result."""
    tags: Mapping[str, str]
    """Tags of every AWS resource, labels of every Google resource that takes any."""
    aws_provider: AwsProviderSettings
    """Configuration of Pulumi's AWS provider (`aws:...`)."""
    token: pulumi.Output[str] | None = field(repr=False)
    """Token to read raft's state with instead of the root token; a secret."""
    tls: TlsSettings = field(default_factory=TlsSettings)
    listener: ListenerSettings = field(default_factory=ListenerSettings)
    extra_configuration: ExtraConfiguration = field(default_factory=ExtraConfiguration)
    configuration_namespace: str = ""
    """Namespace of the configuration that the secrets among them are in; empty for the project's own."""
    license: SecretEntry | None = None
    """The licence of Vault Enterprise; None for the community's edition."""
    gateway: GatewaySettings | None = None
    """None creates no route of the Gateway API."""
    upgrade: UpgradeSettings = field(default_factory=UpgradeSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    network_policy: NetworkPolicySettings | None = None
    """None lets every pod talk with Vault's, as far as other policies do."""
    metrics: MetricsSettings | None = None
    """None leaves Vault's metrics to those with a token."""
    deployed: DeployedVault | None = None
    """The Vault that the stack has by now; None if it is a new one."""
    snapshots: SnapshotSettings | None = None
    """None takes no snapshots on a schedule."""

    @property
    def secret_configuration(self) -> bool:
        """Whether a part of Vault's configuration is a secret in the stack's, so that the state hides it."""
        return any(extra.secret for extra in (self.extra_configuration, self.listener.extra, self.raft.extra))

    @property
    def storage(self) -> Literal["raft", "file"]:
        """Vault's storage, which follows from the mode."""
        return "raft" if self.mode == "ha" else "file"

    @property
    def seals(self) -> Sequence[Seal]:
        """The seal and, during a migration, the one that Vault leaves."""
        return (self.seal,) if self.migrate_from is None else (self.seal, self.migrate_from)

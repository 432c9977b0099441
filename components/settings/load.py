"""Loads the stack's configuration into :class:`Settings`: defaults, rules, and error messages."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi

from components.aws.provider_settings import AWS_NAMESPACE, AwsProviderSettings, read_provider_settings
from components.config.patterns import DNS_LABEL, DNS_NAME, DURATION, QUANTITY
from components.config.reader import ConfigReader, configuration_of
from components.custody.stores import gcp_secret_manager
from components.errors import SettingsError
from components.google.provider_settings import stack_provider_settings
from components.seals.seal import Seal, seal_class
from components.settings import certificates
from components.settings.audit import read_audit
from components.settings.chart import read_chart
from components.settings.cloud import CloudSettings, read_cloud, report_unused_region
from components.settings.custody import read_custody
from components.settings.defaults import (
    default_chart_version,
    default_image_tag,
    default_tls_source,
    kept_defaults,
)
from components.settings.deployed_vault import RECORDING_TYPES, DeployedVault, deployed_vault
from components.settings.enterprise_license import read_license
from components.settings.gateway import read_gateway, require_route
from components.settings.given_values import require_known_values
from components.settings.images import read_image, read_pull_secrets
from components.settings.ingress import read_ingress
from components.settings.init import read_init, require_consistent_adoption
from components.settings.injector import read_injector
from components.settings.metrics import read_metrics, with_metrics
from components.settings.model import (
    DeadlineSettings,
    Mode,
    Ownership,
    RaftSettings,
    Settings,
    StorageSettings,
)
from components.settings.network_policy import read_network_policy
from components.settings.pods import (
    read_disruption_budget,
    read_environment,
    read_log,
    read_pods,
    read_topology_spread,
)
from components.settings.seal import (
    read_migrate_from,
    read_seal,
    read_seal_type,
    report_other_seals_sections,
)
from components.settings.server_configuration import (
    OWNED_BY_RAFT,
    read_extra_configuration,
    read_listener,
    read_stanza,
)
from components.settings.services import read_service, read_ui_service
from components.settings.snapshots import read_snapshots
from components.settings.tls import read_tls
from components.settings.upgrade import read_upgrade
from components.stack_state import recorded_outputs_of

# A Service's name has at most 63 characters, and the chart's longest is
# "<release>-vault-agent-injector-svc".
RELEASE_NAME_LENGTH = 63 - len("-vault-agent-injector-svc")

PACKAGE_NAMESPACE = "vault-autounseal"
"""Namespace of the settings in a program of somebody else, whose project has another name and settings."""

MODES: Sequence[Mode] = ("ha", "standalone")
RELEASES: Mapping[str, Ownership] = {"true": "own", "handover": "handover", "false": "others"}


def load_settings(namespace: str = "", given: Mapping[str, Any] | None = None) -> Settings:
    """Read and validate the settings of the current stack.

    ``namespace`` is that of its configuration; empty for the project's own. ``given`` are settings of the
    program itself, in the form of the configuration's, before which those go. Says which versions it keeps of
    a stack that has a Vault. Raises :class:`SettingsError` with every problem at once, before any resource is
    registered, and :class:`~components.errors.DeploymentError` if the engine doesn't tell what the state has,
    as other defaults would upgrade Vault.
    """
    own = namespace or pulumi.get_project()
    configuration = {**(given or {}), **configuration_of(own)}
    deployed = deployed_vault(recorded_outputs_of(*RECORDING_TYPES))
    settings = parse_settings(
        configuration,
        namespace=own,
        token=pulumi.Config(own).get_secret("token"),
        aws_configuration=configuration_of(AWS_NAMESPACE),
        deployed=deployed,
    )
    if (kept := kept_defaults(ConfigReader(configuration, [], path=own), deployed)) is not None:
        pulumi.log.info(kept)
    settings = replace(settings, configuration_namespace=namespace)
    require_known_values(settings.chart)
    require_route(settings.gateway, settings.chart.path)
    return _with_google_provider(settings)


def _with_google_provider(settings: Settings) -> Settings:
    """Return the settings with a key store that is asked as Google's provider asks.

    Raises :class:`SettingsError` if the provider's own settings can't be heeded by all that ask Google.
    """
    store = settings.custody.store
    if settings.project is None and not isinstance(store, gcp_secret_manager.Store):
        return settings
    on_gke = settings.project is not None and settings.cluster is not None
    provider = stack_provider_settings(settings.project, runs_plugin=on_gke and settings.kube_context is None)
    if not isinstance(store, gcp_secret_manager.Store):
        return settings
    return replace(settings, custody=replace(settings.custody, store=store.asked_by(provider)))


def parse_settings(
    configuration: Mapping[str, Any],
    *,
    namespace: str,
    token: pulumi.Output[str] | None,
    aws_configuration: Mapping[str, Any] | None = None,
    deployed: DeployedVault | None = None,
) -> Settings:
    """Return the settings in ``configuration``: keys without the namespace, values as Pulumi passes them.

    ``token`` is a separate argument, as it is a Pulumi secret. ``aws_configuration`` is that of Pulumi's AWS
    provider, likewise. ``deployed`` is the Vault that the stack has, on which defaults depend; None for a new
    stack. Raises :class:`SettingsError`.
    """
    problems: list[str] = []
    reader = ConfigReader(configuration, problems, path=namespace)
    seal_type = read_seal_type(reader)
    google = seal_class(seal_type).cloud == "google" or reader.has("project")
    cloud = read_cloud(reader, google=google)
    seal = read_seal(reader, seal_type, cloud.cluster)
    migrate_from = read_migrate_from(reader, seal, cloud.cluster, cloud.project)
    if not google:
        report_unused_region(reader)
    kube_context = reader.text("kubeContext", None, fix="name a context of the kubeconfig")
    if kube_context is None and cloud.cluster is None:
        reader.report(
            "kubeContext",
            "name the context to deploy to, or set clusterName to use an EKS or GKE cluster; "
            "the current context of the kubeconfig is never taken",
        )
    kubeconfig = reader.text("kubeconfig", None, fix="give the path of a kubeconfig")
    if kubeconfig is not None and kube_context is None:
        reader.report("kubeconfig", "set kubeContext too; the current context is never taken")
    aws_provider = AwsProviderSettings()
    if aws_region := _aws_region(cloud, seal, migrate_from):
        aws_provider = read_provider_settings(
            ConfigReader(aws_configuration or {}, problems, path=AWS_NAMESPACE),
            region=aws_region,
            kube_context=kube_context is not None,
        )
    image = read_image(reader.section("image"), default_tag=default_image_tag(deployed))
    init = read_init(reader.section("init"), image, token)
    if not seal.unseals_itself and init.pgp_keys:
        reader.report(
            "seal",
            "with init.pgpKeys only the shares' holders can unseal the pods, and pulumi up couldn't go on "
            "after the init; remove init.pgpKeys",
        )
    reader.secret("token", "set it as a secret: pulumi config set --secret token")
    require_consistent_adoption(reader, init, token)
    mode = reader.choice("mode", "ha", MODES, "ha has voters on raft, standalone one pod with file storage")
    replicas = _replicas(reader, mode)
    ui = reader.flag("ui", True)
    extra_environment = read_environment(reader)
    release = RELEASES[
        reader.choice(
            "release",
            "true",
            [*RELEASES],
            "false if Argo CD or Flux installs it, handover before this stack leaves it to them",
        )
    ]
    chart = read_chart(
        reader.section("chart"),
        installs=release != "others",
        default_version=default_chart_version(deployed),
    )
    tls = read_tls(
        reader,
        default=default_tls_source(deployed, has_pod_address=reader.has("podAddress"), adopts=init.adopt),
    )
    pod_address = _pod_address(reader, replicas, tls=tls.enabled)
    audit_storage = _audit_storage(reader.section("auditStorage"))
    policy = read_network_policy(reader, chart.values, managed=cloud.cluster is not None)
    pods = read_pods(reader)
    metrics = read_metrics(reader, policy=policy, annotations=pods.annotations, chart_values=chart.values)
    listener = reader.section("listener")
    settings = Settings(
        seal=seal,
        migrate_from=migrate_from,
        mode=mode,
        storage_migrated_to=reader.text(
            "storageMigratedTo", None, "raft|file", "use raft or file, where Vault's data are by now"
        ),
        cluster=cloud.cluster,
        project=cloud.project,
        enable_apis=cloud.enable_apis,
        webhook_firewall=cloud.webhook_firewall,
        webhook_rule=cloud.webhook_rule,
        node_security_group_ids=cloud.node_security_group_ids,
        kubeconfig=kubeconfig,
        kube_context=kube_context,
        namespace=reader.text("namespace", "vault", DNS_LABEL, "use a DNS label: a-z, 0-9 and dashes"),
        create_namespace=reader.flag("createNamespace", True),
        release=release,
        release_name=reader.text(
            "releaseName",
            "vault",
            DNS_LABEL,
            f"use at most {RELEASE_NAME_LENGTH} of a-z, 0-9 and dashes",
            RELEASE_NAME_LENGTH,
        ),
        chart=chart,
        image=image,
        replicas=replicas,
        service_account=reader.text("serviceAccount", "vault", DNS_NAME, "use a DNS name"),
        data_storage=_data_storage(reader.section("dataStorage")),
        audit_storage=audit_storage,
        audit=read_audit(
            reader.section("audit"), volume=audit_storage.size if audit_storage.enabled else None
        ),
        ingress=read_ingress(reader, tls=tls.enabled),
        gateway=read_gateway(reader, chart_version=chart.version, tls=tls.enabled),
        network_policy=policy,
        metrics=metrics,
        snapshots=read_snapshots(reader, cloud, (seal, migrate_from), raft=mode == "ha"),
        ui=ui,
        injector=read_injector(reader.section("injector"), image),
        image_pull_secrets=read_pull_secrets(reader),
        pods=pods,
        topology_spread=read_topology_spread(reader),
        disruption_budget=read_disruption_budget(reader, replicas=replicas, has_quorum=mode == "ha"),
        service=read_service(reader.section("service"), has_active=mode == "ha"),
        ui_service=read_ui_service(reader, ui=ui, has_active=mode == "ha"),
        log=read_log(reader, extra_environment),
        extra_environment=extra_environment,
        raft=_raft(reader, mode),
        init=init,
        custody=read_custody(reader.section("custody"), aws_provider.credentials),
        pod_address=pod_address,
        pod_address_ca_file=_pod_address_ca_file(reader, pod_address),
        deadlines=_deadlines(reader.section("deadlines")),
        upgrade=read_upgrade(reader.section("upgrade"), unseals_itself=seal.unseals_itself),
        protect=reader.flag("protect", True),
        tags=cloud.tags,
        aws_provider=aws_provider,
        token=token,
        license=read_license(reader, image),
        tls=tls,
        listener=with_metrics(listener, read_listener(listener), metrics),
        extra_configuration=read_extra_configuration(
            reader,
            unauthenticated=init.unauthenticated_generate_root,
            telemetry=metrics is not None,
        ),
        deployed=deployed,
    )
    reader.skip("license")
    report_other_seals_sections(reader, seal)
    reader.unknown_keys()
    if problems:
        raise SettingsError(problems)
    return settings


def _aws_region(cloud: CloudSettings, seal: Seal, migrate_from: Seal | None) -> str:
    """Return the AWS region of the cluster or of a seal's key; empty if the stack uses nothing of AWS."""
    if cloud.cluster is not None:
        return cloud.cluster.location if cloud.cluster.project is None else ""
    leaving = migrate_from.region_without_cluster if migrate_from is not None else ""
    return seal.region_without_cluster or leaving


def _replicas(reader: ConfigReader, mode: Mode) -> int:
    if mode == "standalone":
        return reader.integer("replicas", 1, (1,), "standalone is one pod, as its storage takes only one")
    return reader.integer(
        "replicas",
        3,
        (1, 3, 5, 7),
        "use 1, 3, 5 or 7: raft needs a majority, so an even number adds a node that may fail "
        "without adding a failure that may be survived",
    )


def _data_storage(reader: ConfigReader) -> StorageSettings:
    reader.not_applicable(("enabled",), "Vault's storage can't do without its volume; remove it")
    return _storage(reader, enabled=True)


def _audit_storage(reader: ConfigReader) -> StorageSettings:
    return _storage(reader, enabled=reader.flag("enabled", True))


def _storage(reader: ConfigReader, *, enabled: bool) -> StorageSettings:
    storage = StorageSettings(
        enabled=enabled,
        size=reader.text("size", "10Gi", QUANTITY, "give a Kubernetes quantity, such as 10Gi"),
        storage_class=reader.text("storageClass", None, DNS_NAME, "name a StorageClass"),
    )
    reader.unknown_keys()
    return storage


def _raft(settings: ConfigReader, mode: Mode) -> RaftSettings:
    if mode == "standalone":
        settings.not_applicable(("raft",), "mode standalone has no raft; remove it")
    reader = settings.section("raft")
    raft = RaftSettings(
        performance_multiplier=reader.integer(
            "performanceMultiplier", 1, range(1, 11), "use 1 to 10, the bounds that Vault sets"
        ),
        autopilot_reconcile_interval=reader.text(
            "autopilotReconcileInterval", "1s", DURATION, "give a duration, such as 1s"
        ),
        autopilot_update_interval=reader.text(
            "autopilotUpdateInterval", "500ms", DURATION, "give a duration, such as 500ms"
        ),
        retry_join=reader.choice(
            "retryJoin",
            "active-service",
            ("active-service", "pod-names"),
            "active-service joins sooner, pod-names needs no service registration",
        ),
        extra=read_stanza(reader, OWNED_BY_RAFT),
    )
    if _milliseconds(raft.autopilot_reconcile_interval) <= _milliseconds(raft.autopilot_update_interval):
        update = "autopilotUpdateInterval"
        reader.report(
            update if reader.has(update) else "autopilotReconcileInterval",
            f"Vault doesn't start unless autopilotReconcileInterval ({raft.autopilot_reconcile_interval}) is "
            f"longer than {update} ({raft.autopilot_update_interval})",
        )
    reader.unknown_keys()
    return raft


def _milliseconds(duration: str) -> int:
    for unit, factor in (("ms", 1), ("s", 1000), ("m", 60_000)):
        if duration.endswith(unit):
            return int(duration.removesuffix(unit)) * factor
    raise ValueError(f"{duration!r} doesn't match {DURATION}")


def _pod_address(reader: ConfigReader, replicas: int, *, tls: bool) -> str | None:
    address = reader.text(
        "podAddress", None, r"https?://[^\s/]+/?", "give a URL such as https://{pod}.example.com"
    )
    if address is not None and "{pod}" not in address and replicas > 1:
        reader.report(
            "podAddress",
            "put {pod} where the pod's name goes: every replica is asked by itself, "
            "as a Service would answer for any of them",
        )
    if tls and address is not None and address.startswith("http:"):
        reader.report(
            "podAddress",
            "with tls.source Vault's pods don't speak plain HTTP; remove it for the update that brings TLS, "
            "and set it with https (and podAddressCaFile) after that",
        )
    return address


def _pod_address_ca_file(reader: ConfigReader, pod_address: str | None) -> str | None:
    key = "podAddressCaFile"
    path = reader.text(key, None, fix=certificates.FIX)
    if path is None:
        return None
    if pod_address is None or not pod_address.startswith("https:"):
        reader.report(key, "it belongs to a podAddress with https; remove it")
    certificates.report_unusable(reader, key, Path(path).expanduser())
    return path


def _deadlines(reader: ConfigReader) -> DeadlineSettings:
    fix = "give 10 to 3600 seconds"
    allowed = range(10, 3601)
    deadlines = DeadlineSettings(
        pod_start_seconds=reader.integer("podStartSeconds", 300, allowed, fix),
        quorum_seconds=reader.integer("quorumSeconds", 300, allowed, fix),
        preflight_seconds=reader.integer("preflightSeconds", 120, allowed, fix),
        webhook_seconds=reader.integer("webhookSeconds", 180, allowed, fix),
    )
    reader.unknown_keys()
    return deadlines

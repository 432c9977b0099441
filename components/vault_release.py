"""Deploys the Helm release of the official Vault chart, or exports its values for others who install it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from components.awaits_release import MISSING
from components.chart.default_values import CHART_NAME
from components.errors import DeploymentError
from components.installed_release import InstalledRelease
from components.interrupted_run import RESUME
from components.kubernetes.helm_storage import HelmRecord, last_record, unfinished_problem
from components.kubernetes.kubectl import KubectlError, KubernetesTarget
from components.progress import say
from components.resource_types import RELEASE
from components.seals.seal import PodRequirements, SealStanza
from components.settings import ChartSettings, Settings
from components.stack_state import outputs_of_unretained
from components.vault.chart_values import chart_fullname, chart_values, values_file, with_given_values
from components.vault.configuration import join_addresses, render_configuration
from components.vault.identity_values import with_identity
from components.vault.metrics_scraping import scrape_annotations
from components.vault.pod_access import PodAccess
from components.vault.running_configuration import CONFIGURATION_ANNOTATION, configuration_checksum
from components.vault.template_values import template_checksum
from components.vault.tls_values import server_names, server_tls, with_certificate

RELEASE_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class VaultReleaseArgs:
    """The arguments of a :class:`VaultRelease`."""

    settings: Settings
    """Source of the chart's values."""
    access: PodAccess
    """The way to the pods that the release will have."""
    namespace: pulumi.Input[str]
    """Namespace of the release."""
    seal_stanzas: Sequence[pulumi.Output[SealStanza]]
    """Seal stanzas of Vault's configuration; none for Shamir."""
    pods: PodRequirements
    """Pod settings that the seal needs."""
    authority: pulumi.Input[str] | None
    """Certificates (PEM) by which clients verify Vault's servers; None if they speak plain HTTP."""
    prerequisites: Sequence[pulumi.Resource]
    """Resources that Vault's start depends on; a component's own dependencies don't reach its children."""


class HelmRelease(pulumi.CustomResource):
    """A Helm release, by the token of its type (docs/decisions/0012-helm-release-by-type-token.md)."""

    name: pulumi.Output[str]
    status: pulumi.Output[Mapping[str, Any]]
    """As Helm has it; `revision` counts its installations and upgrades."""

    def __init__(self, name: str, properties: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        # `compat` is what the SDK's own class sends along, too.
        sent = {**properties, "compat": "true", "status": None}
        super().__init__(RELEASE, name, sent, opts)


class VaultRelease(pulumi.ComponentResource):
    """The release under a fixed name; a random one would break service account and join.

    It doesn't wait for pods, which only the init makes ready; the resources that depend on it wait for what
    they need.
    """

    release_name: pulumi.Output[str]
    namespace: pulumi.Output[str]
    revision: pulumi.Output[int | str]
    """Another one whenever the release has changed: Helm's count, or that of :class:`InstalledRelease`."""
    awaiting: Mapping[str, pulumi.Input[str]]
    """Property of what waits for the release that others install; empty if the stack installs it."""
    outputs: Mapping[str, pulumi.Input[str]]
    """Stack outputs that the installation by others needs."""
    fullname: str
    """Name of the chart's objects: StatefulSet, Services, service accounts."""
    access: PodAccess
    """The way to the pods."""
    configuration_checksum: pulumi.Output[str]
    """Checksum of Vault's configuration, which its pods have as an annotation."""
    pod_settings: pulumi.Output[str]
    """Checksum of the chart's values that Vault's pods are made from, but for its configuration."""

    def __init__(self, name: str, args: VaultReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vault-autounseal:vault:Release", name, None, opts)
        settings = args.settings
        self.fullname = chart_fullname(settings.release_name)
        self.access = args.access
        self.awaiting, self.outputs = {}, {}
        self.namespace = pulumi.Output.from_input(args.namespace)
        configuration = _configuration(settings, self.fullname, args.seal_stanzas)
        self.configuration_checksum = configuration.apply(configuration_checksum)
        annotations = {
            CONFIGURATION_ANNOTATION: self.configuration_checksum,
            **scrape_annotations(settings),
            **args.pods.pod_annotations,
        }
        pods = with_certificate(args.pods, settings, self.fullname)
        own = chart_values(
            settings,
            configuration=configuration,
            pods=replace(pods, pod_annotations=annotations),
            authority=args.authority,
        )
        values = with_identity(with_given_values(own, settings.chart), settings.deployed)
        self.pod_settings = pulumi.Output.from_input(values).apply(template_checksum)
        if settings.release == "others":
            self._await_others(name, args, configuration, values)
        else:
            self._install(name, args, values)
        self.register_outputs(
            {"release_name": self.release_name, "namespace": self.namespace, "revision": self.revision}
        )

    def _install(self, name: str, args: VaultReleaseArgs, values: Mapping[str, Any]) -> None:
        settings = args.settings
        release = HelmRelease(
            name,
            {
                "name": settings.release_name,
                **_chart_source(settings.chart),
                "namespace": args.namespace,
                "values": values,
                # Helm would wait for the injector only, for seconds in which the init can run already;
                # InjectorRollout waits for the injector, and RaftQuorum for Vault's pods.
                "skipAwait": True,
                "timeout": RELEASE_TIMEOUT_SECONDS,
            },
            pulumi.ResourceOptions(
                parent=self,
                depends_on=list(args.prerequisites),
                hooks=refuse_unfinished(settings.release_name, args.access.target),
                retain_on_delete=settings.release == "handover",
            ),
        )
        if settings.release == "handover":
            pulumi.log.info(
                "From this update on Vault's release stays if it leaves the stack. Once it has succeeded, "
                "set release to false (docs/gitops.md)."
            )
        self.release_name = release.name.apply(lambda given: given or settings.release_name)
        self.revision = release.status["revision"]

    def _await_others(
        self,
        name: str,
        args: VaultReleaseArgs,
        configuration: pulumi.Output[str],
        values: Mapping[str, Any],
    ) -> None:
        settings = args.settings
        _require_handover()
        release = InstalledRelease(
            name,
            settings=settings,
            access=self.access,
            configuration=configuration,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.prerequisites)),
        )
        release.missing.apply(_warn_of_missing)
        self.release_name = pulumi.Output.from_input(settings.release_name)
        self.revision = release.revision
        self.awaiting = {MISSING: release.missing}
        self.outputs = {
            "chart_values": pulumi.Output.from_input(values).apply(values_file),
            "chart_repository": settings.chart.repository or settings.chart.path or "",
            "chart_version": settings.chart.version or "",
        }


def _chart_source(chart: ChartSettings) -> Mapping[str, Any]:
    """Return the properties of a release that say where its chart is."""
    if chart.in_registry:
        return {"chart": f"{str(chart.repository).rstrip('/')}/{CHART_NAME}", "version": chart.version}
    if chart.repository is None:
        return {"chart": chart.path}
    options: dict[str, Any] = {"repo": chart.repository}
    if chart.username is not None:
        options["username"] = chart.username
    if chart.password is not None:
        options["password"] = pulumi.Output.secret(chart.password)
    if chart.ca_file is not None:
        options["caFile"] = chart.ca_file
    return {"chart": CHART_NAME, "version": chart.version, "repositoryOpts": options}


def _require_handover() -> None:
    """Raise :class:`DeploymentError` if the stack has installed the release and would uninstall it now."""
    if outputs_of_unretained(RELEASE):
        raise DeploymentError(
            "This stack has installed Vault's release, and would now uninstall it with Vault's pods. Nothing "
            "was changed. Set release to handover and run pulumi up to its end, without --target or "
            "--exclude, and then set it to false (docs/gitops.md)."
        )


def _warn_of_missing(missing: str) -> None:
    if missing:
        pulumi.log.warn(
            f"Vault's release isn't there with this stack's values yet: {missing}. Until it is, nothing is "
            "initialised or verified. Install it with the values of this stack (pulumi stack output "
            "chart_values), and run pulumi up again once its pods are there (docs/gitops.md)."
        )


class UnfinishedReleaseError(DeploymentError):
    """Helm would refuse to install or upgrade, as it hasn't finished before or the release exists already."""


def refuse_unfinished(release: str, target: KubernetesTarget) -> pulumi.ResourceHookBinding:
    """Return the hooks that look at Helm's records before the release is touched.

    Pulumi calls them if it is about to create or change the release, so no other command takes longer.
    """
    dry_run = pulumi.runtime.is_dry_run()

    def refuse(problem: Callable[[HelmRecord], str | None]) -> Callable[[pulumi.ResourceHookArgs], None]:
        # Not in a thread, as in interrupted_run.py.
        def hook(_args: pulumi.ResourceHookArgs) -> None:
            try:
                record = last_record(target, release)
            except KubectlError as error:
                # A preview works without the cluster, and Helm itself needs it.
                say(f"Helm's records of release {release} can't be read: {error}")
                return
            found = problem(record) if record is not None else None
            if found is not None and not dry_run:
                raise UnfinishedReleaseError(found)
            if found is not None:
                say(found)

        return hook

    def pending(record: HelmRecord) -> str | None:
        return unfinished_problem(target, release, record) if record.pending else None

    def existing(record: HelmRecord) -> str | None:
        return pending(record) or (
            f"Release {release} exists in namespace {target.namespace} ({record.status}), and this stack's "
            "state doesn't have it. Nothing was changed. If a run of this stack was interrupted, take over "
            f"what it created, and then run pulumi up again: {RESUME}. Otherwise it is another stack's, or "
            "the state was lost (docs/operations.md#the-state-is-lost)"
        )

    options = pulumi.ResourceHookOptions(on_dry_run=True)
    return pulumi.ResourceHookBinding(
        before_create=[pulumi.ResourceHook("before-release-is-installed", refuse(existing), options)],
        before_update=[pulumi.ResourceHook("before-release-is-upgraded", refuse(pending), options)],
    )


_LOOPBACK = re.compile(r"http://([^/@]*@)?(127\.[0-9.]+|localhost|\[::1\])(:[0-9]+)?/?")
"""An address on this machine; a name that begins so is none."""


def pod_access(settings: Settings, target: KubernetesTarget) -> PodAccess:
    """Return the way to the pods of the settings' release, even if it doesn't exist yet.

    Warns of an address without TLS on another machine.
    """
    address = settings.pod_address or ""
    if address.startswith("http:") and not _LOOPBACK.fullmatch(address):
        pulumi.log.warn(
            f"podAddress {address} has no TLS: root token and shares cross the network in plain text. Use an "
            "address with https (with podAddressCaFile if its CA is a private one), or remove podAddress to "
            "go through the Kubernetes API."
        )
    fullname = chart_fullname(settings.release_name)
    return PodAccess(
        target=target,
        statefulset=fullname,
        address=address,
        ca_file=settings.pod_address_ca_file or "",
        server_name=server_names(settings, fullname).verified if settings.tls.declared else "",
    )


def _configuration(
    settings: Settings, fullname: str, stanzas: Sequence[pulumi.Output[SealStanza]]
) -> pulumi.Output[str]:
    tls = server_tls(settings, fullname)

    def render(seals: Sequence[SealStanza]) -> str:
        return render_configuration(
            ui=settings.ui,
            raft=settings.raft if settings.storage == "raft" else None,
            join=join_addresses(
                settings.raft,
                fullname=fullname,
                namespace=settings.namespace,
                replicas=settings.replicas,
                scheme=_scheme(settings),
            ),
            seals=seals,
            listener=settings.listener,
            tls=tls,
            unauthenticated=["generate-root"] if settings.init.unauthenticated_generate_root else (),
            telemetry=settings.metrics is not None,
            extra=settings.extra_configuration.text,
        )

    rendered = pulumi.Output.all(*stanzas).apply(render) if stanzas else pulumi.Output.from_input(render(()))
    return pulumi.Output.secret(rendered) if settings.secret_configuration else rendered


def _scheme(settings: Settings) -> str:
    return "https" if settings.tls.enabled else "http"


def user_interface(settings: Settings, release: VaultRelease) -> str:
    """Return how to reach the web interface."""
    if not settings.ui:
        return "off (setting ui)"
    if settings.ingress is not None:
        scheme = "https" if settings.ingress.tls_secret else "http"
        return f"{scheme}://{settings.ingress.host}/ui"
    if settings.gateway is not None and settings.gateway.hostnames:
        return f"{settings.gateway.hostnames[0]}/ui, by the scheme of the Gateway's listener"
    target = release.access.target
    kubeconfig = f" --kubeconfig {settings.kubeconfig}" if settings.kubeconfig else ""
    context = f" --context {target.context}" if settings.kube_context else ""
    # In standalone mode the chart creates no Service for the active pod.
    service = f"{release.fullname}-active" if settings.mode == "ha" else release.fullname
    return (
        f"kubectl{kubeconfig}{context} --namespace {target.namespace} port-forward "
        f"service/{service} 8200:8200, then {_scheme(settings)}://127.0.0.1:8200/ui"
    )

"""The namespace and the Helm release of the official Vault chart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.kubectl import KubernetesTarget
from components.pod_access import PodAccess
from components.settings import Settings
from components.vault_chart_values import CHART_NAME, chart_fullname, chart_values
from components.vault_configuration import SealStanza, join_addresses, render_configuration

RELEASE_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class VaultReleaseArgs:
    """What a :class:`VaultRelease` is made from."""

    settings: Settings
    """Everything that the chart's values are made from."""
    target: KubernetesTarget
    """Where kubectl finds the pods."""
    seal_stanza: pulumi.Output[SealStanza] | None
    """Seal stanza of Vault's configuration; None for Shamir."""
    service_account_annotations: Mapping[str, pulumi.Input[str]]
    """Annotations of Vault's service account."""
    prerequisites: Sequence[pulumi.Resource]
    """What has to exist before Vault starts; a component's own dependencies don't reach its children."""


class Namespace(pulumi.CustomResource):
    """A Kubernetes namespace, by the token of its type.

    The SDK's own class comes with all types of the core API, 0.3 s of every preview.
    """

    metadata: pulumi.Output[Mapping[str, Any]]
    """As the Kubernetes API has it."""

    def __init__(self, name: str, namespace: str, opts: pulumi.ResourceOptions) -> None:
        properties = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        super().__init__("kubernetes:core/v1:Namespace", name, properties, opts)


class VaultRelease(pulumi.ComponentResource):
    """Namespace and release under a fixed name; a random one would break service account and join.

    It doesn't wait for pods: they get ready only by the init, and the resources behind it wait for
    what matters.
    """

    release_name: pulumi.Output[str]
    namespace: pulumi.Output[str]
    revision: pulumi.Output[int]
    """Helm's count of installations and upgrades."""
    fullname: str
    """Name of the chart's objects: StatefulSet, Services, service accounts."""
    access: PodAccess
    """The way to the pods."""

    def __init__(self, name: str, args: VaultReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vault-autounseal:vault:Release", name, None, opts)
        settings = args.settings
        self.fullname = chart_fullname(settings.release_name)
        self.access = PodAccess(
            target=args.target, statefulset=self.fullname, address=settings.pod_address or ""
        )
        namespace = Namespace(
            name,
            settings.namespace,
            # Its deletion takes the volume claims along, and with them Vault's data.
            pulumi.ResourceOptions(parent=self, protect=settings.protect),
        )
        release = kubernetes.helm.v3.Release(
            name,
            name=settings.release_name,
            chart=settings.chart.path or CHART_NAME,
            version=settings.chart.version,
            repository_opts=_repository(settings),
            namespace=namespace.metadata["name"],
            values=chart_values(
                settings,
                configuration=_configuration(settings, self.fullname, args.seal_stanza),
                service_account_annotations=args.service_account_annotations,
            ),
            # Helm would wait for the injector only, for seconds in which the init can run already;
            # the injector is verified by InjectorAdmission and the pods by RaftQuorum.
            skip_await=True,
            timeout=RELEASE_TIMEOUT_SECONDS,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace, *args.prerequisites]),
        )
        self.release_name = release.name.apply(lambda given: given or settings.release_name)
        self.namespace = namespace.metadata["name"]
        self.revision = release.status.revision
        self.register_outputs(
            {"release_name": self.release_name, "namespace": self.namespace, "revision": self.revision}
        )


def _repository(settings: Settings) -> kubernetes.helm.v3.RepositoryOptsArgs | None:
    if settings.chart.repository is None:
        return None
    return kubernetes.helm.v3.RepositoryOptsArgs(repo=settings.chart.repository)


def _configuration(
    settings: Settings, fullname: str, stanza: pulumi.Output[SealStanza] | None
) -> pulumi.Input[str]:
    def render(seal: SealStanza | None) -> str:
        return render_configuration(
            ui=settings.ui,
            raft=settings.raft,
            join=join_addresses(
                settings.raft, fullname=fullname, namespace=settings.namespace, replicas=settings.replicas
            ),
            seal=seal,
        )

    return render(None) if stanza is None else stanza.apply(render)

"""Brings the sandbox up and down: the order of its parts, and the settings that they give the stack."""

import base64
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import yaml

from sandbox import aws, charts, cluster, google, processes
from sandbox.build.debian_packages import ensure_debian_packages
from sandbox.build.images import make_images
from sandbox.build.tools import Tools, find_tools, obtain_tools
from sandbox.build.versions import Versions
from sandbox.certificates import CertificateAuthority
from sandbox.cluster.packet_filter import redirect_pods
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.network import API_SERVER_URL, METADATA_SERVER_PORT, POD_IDENTITY_AGENT_PORT
from sandbox.plugins.installation import InstalledPlugin, install_plugins
from sandbox.progress import Progress
from sandbox.stack import GOOGLE_STACK, STACK, SandboxStack

OFFICIAL_REPOSITORY = "https://helm.releases.hashicorp.com"
OFFICIAL_VERSION = charts.CHART_VERSION
EXISTING_CLUSTER = "SANDBOX_KUBECONFIG"

DEFAULT_VERSIONS = Versions()

Cloud = Literal["aws", "gcp"]
"""Whose cloud the sandbox plays; one at a time."""


@dataclass(frozen=True)
class Sources:
    """Where the parts come from that may or may not be had outside."""

    chart: Path | None
    """A chart to install unchanged; None takes the official one, or the sandbox's own for want of it."""
    download: bool
    """Whether to ask outside for the official chart and for provider plugins at all."""


@dataclass(frozen=True)
class Environment:
    """The parts that the program is deployed into, all running."""

    stack: SandboxStack
    settings: Mapping[str, object]
    """Settings that only this sandbox knows, by key without the namespace."""
    plugins: tuple[InstalledPlugin, ...]
    chart: Path | None
    """None is the official chart from its repository."""


def bring_up(
    layout: Layout,
    progress: Progress,
    sources: Sources,
    cloud: Cloud = "aws",
    versions: Versions = DEFAULT_VERSIONS,
) -> Environment:
    """Everything but the program's own deployment; what runs already is left as it is.

    Raises :class:`SandboxError` where a part can't be had or doesn't start, and where the sandbox is up with
    the other cloud or another Kubernetes.
    """
    existing = os.environ.get(EXISTING_CLUSTER)
    _refuse_other_cloud(layout, cloud)
    cluster.refuse_other_kubernetes(layout, versions.kubernetes)
    if existing and cloud == "gcp":
        raise SandboxError(
            f"The cluster that {EXISTING_CLUSTER} names can't use the sandbox's Google Cloud. Leave out "
            f"either {EXISTING_CLUSTER} or CLOUD=gcp."
        )
    if existing and versions.kubernetes != DEFAULT_VERSIONS.kubernetes:
        raise SandboxError(
            f"The cluster that {EXISTING_CLUSTER} names has a Kubernetes of its own. Leave out either "
            f"{EXISTING_CLUSTER} or KUBERNETES."
        )
    if not existing and os.geteuid() != 0:
        raise SandboxError(
            "The sandbox runs a Kubernetes node, which takes root: run it as root, or with sudo, or "
            f"name the kubeconfig of a cluster in {EXISTING_CLUSTER}."
        )
    if existing:
        tools = obtain_tools(layout, progress)
    else:
        tools = obtain_requirements(progress, layout, versions.kubernetes)
    chart = _chart(layout, tools, sources, versions)
    if existing:
        stack = SandboxStack(layout, tools, cloud_environment={})
        outer_settings = _existing_cluster_settings(Path(existing))
    else:
        stack, outer_settings = _start_environment(layout, tools, progress, chart, cloud, versions)
    settings = {**outer_settings, **version_settings(versions, chart)}
    stack.configure(settings)
    with progress.step("Provider plugins"):
        plugins = tuple(
            install_plugins(layout, download=sources.download, search_path=stack.environment()["PATH"])
        )
    return Environment(stack=stack, settings=settings, plugins=plugins, chart=chart)


def obtain_requirements(
    progress: Progress, layout: Layout, kubernetes: str = DEFAULT_VERSIONS.kubernetes
) -> Tools:
    """Install the Debian packages and build the tools that are missing, with this version of Kubernetes."""
    ensure_debian_packages(progress)
    return obtain_tools(layout, progress, kubernetes)


def version_settings(versions: Versions, chart: Path | None) -> Mapping[str, object]:
    """Return the settings that name the versions, so that none is left to the program's defaults.

    ``chart`` is the folder or archive of a chart; None is the official one from its repository.
    """
    return {
        "image": {"tag": versions.vault},
        "chart": {"version": versions.chart} if chart is None else {"path": str(chart)},
    }


def tear_down(layout: Layout) -> None:
    """End every process of the sandbox by its id, and wipe the world and the stack's state.

    Tools, images and plugins stay. From an existing cluster the stack is destroyed first, as it
    would be left there without its state.
    """
    if stack_is_up(layout):
        stack = deployed_stack(layout)
        if not stack.uses_own_cluster:
            stack.pulumi("destroy", "--yes", "--skip-preview")
    aws.stop_aws(layout)
    google.stop_google(layout)
    cluster.stop_cluster(layout)
    for folder in (layout.backend, layout.stack_configuration):
        shutil.rmtree(folder, ignore_errors=True)
    layout.kubeconfig.unlink(missing_ok=True)


def _refuse_other_cloud(layout: Layout, cloud: Cloud) -> None:
    up = deployed_cloud(layout) if stack_is_up(layout) else cloud
    other = aws.PROCESS if cloud == "gcp" else google.PROCESS
    if up != cloud or processes.running(layout, other):
        raise SandboxError(
            "The sandbox is up with the other cloud, and plays one at a time. Run `make down` first."
        )


def _start_environment(
    layout: Layout,
    tools: Tools,
    progress: Progress,
    chart: Path | None,
    cloud: Cloud,
    versions: Versions,
) -> tuple[SandboxStack, Mapping[str, object]]:
    """Start and seed a cloud and Kubernetes; return the stack in them, and its settings from them."""
    cloud_authority = CertificateAuthority.load_or_create(layout.cloud_authority, "sandbox cloud")
    with progress.step("Container images"):
        images = make_images(
            layout,
            tools,
            cloud_authority.certificate,
            [
                *charts.chart_images(chart or charts.own_chart(), tools.helm),
                # A stack may have the older chart, too, whichever this one is.
                *charts.chart_images(charts.older_chart(layout.charts), tools.helm),
            ],
        )
    if cloud == "gcp":
        # The program's Helm asks for the official chart itself, which isn't in the sandbox's Google Cloud.
        direct_hosts = [str(urlsplit(OFFICIAL_REPOSITORY).hostname)] if chart is None else []
        on_google = _start_on_google(
            layout, tools, progress, cloud_authority, images, direct_hosts, versions.kubernetes
        )
        return on_google, {}
    return _start_on_aws(layout, tools, progress, cloud_authority, images, versions.kubernetes)


def _start_on_aws(
    layout: Layout,
    tools: Tools,
    progress: Progress,
    cloud_authority: CertificateAuthority,
    images: Sequence[Path],
    kubernetes: str,
) -> tuple[SandboxStack, Mapping[str, object]]:
    with progress.step("AWS (moto behind enforced IAM)"):
        endpoint = aws.start_aws(
            layout,
            cloud_authority=cloud_authority,
            service_account_public_key=cluster.service_account_public_key(layout),
        )
    with progress.step("Kubernetes, one node"):
        cluster.start_cluster(
            layout,
            tools,
            service_account_issuer=aws.OIDC_ISSUER,
            images=images,
            host_records=aws.host_records(),
            kubernetes=kubernetes,
        )
        redirect_pods(aws.POD_IDENTITY_AGENT_ADDRESS, 80, POD_IDENTITY_AGENT_PORT)
    with progress.step("VPC, EKS cluster, OIDC provider, pod identities"):
        seeded = aws.seed(
            endpoint,
            api_server_url=API_SERVER_URL,
            cluster_certificate_authority=_certificate_authority(layout),
            kubernetes=kubernetes,
        )
        aws.install_pod_identity_webhook(tools.kubectl, layout.kubeconfig, cloud_authority)
    stack = SandboxStack(layout, tools, cloud_environment=endpoint.environment)
    return stack, {"nodeSecurityGroupId": seeded.node_security_group_id}


def _start_on_google(
    layout: Layout,
    tools: Tools,
    progress: Progress,
    cloud_authority: CertificateAuthority,
    images: Sequence[Path],
    direct_hosts: Sequence[str],
    kubernetes: str,
) -> SandboxStack:
    with progress.step("Google Cloud (IAM enforced)"):
        endpoint = google.start_google(
            layout,
            cloud_authority=cloud_authority,
            service_account_public_key=cluster.service_account_public_key(layout),
            direct_hosts=direct_hosts,
        )
        google.enable_prerequisites(endpoint)
    with progress.step("Kubernetes, one node"):
        cluster.start_cluster(
            layout,
            tools,
            service_account_issuer=google.SERVICE_ACCOUNT_ISSUER,
            images=images,
            host_records=google.host_records(),
            kubernetes=kubernetes,
        )
        redirect_pods(google.METADATA_ADDRESS, 80, METADATA_SERVER_PORT)
    with progress.step("GKE cluster"):
        google.seed_cluster(
            endpoint,
            api_server=API_SERVER_URL.removeprefix("https://"),
            cluster_certificate_authority=_certificate_authority(layout),
            kubernetes=kubernetes,
        )
    return SandboxStack(
        layout, tools, cloud_environment=endpoint.environment, name=GOOGLE_STACK, tracked=GOOGLE_STACK
    )


def _chart(layout: Layout, tools: Tools, sources: Sources, versions: Versions) -> Path | None:
    if sources.chart is not None:
        return sources.chart.resolve()
    if sources.download and charts.official_chart_reachable(
        tools.helm, OFFICIAL_REPOSITORY, versions.chart, layout=layout
    ):
        return None
    if versions.chart == charts.OLDER_CHART_VERSION:
        return charts.older_chart(layout.charts)
    return charts.own_chart()


def _existing_cluster_settings(kubeconfig: Path) -> Mapping[str, object]:
    """Return the settings for an existing cluster, on which Vault is sealed with Shamir's key shares.

    Such a cluster can't trust the sandbox's AWS: its issuer is another, and AWS's names lead to AWS.
    """
    if not kubeconfig.is_file():
        raise SandboxError(f"{EXISTING_CLUSTER} names {kubeconfig}, which isn't a file.")
    context = yaml.safe_load(kubeconfig.read_text(encoding="utf-8")).get("current-context")
    if not context:
        raise SandboxError(f"{kubeconfig} has no current-context; set the one to deploy to.")
    return {
        "seal": "shamir",
        "kubeconfig": str(kubeconfig.resolve()),
        "kubeContext": context,
        **dict.fromkeys(("region", "clusterName", "key"), None),
    }


def _certificate_authority(layout: Layout) -> bytes:
    """Return the PEM of the cluster's CA certificate."""
    kubeconfig = yaml.safe_load(layout.kubeconfig.read_text(encoding="utf-8"))
    return base64.b64decode(kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"])


def deployed_stack(layout: Layout) -> SandboxStack:
    """Return the stack of a sandbox that is up.

    Raises :class:`SandboxError` where none is.
    """
    if not stack_is_up(layout):
        raise SandboxError("The sandbox isn't up. Run `make up`.")
    name = GOOGLE_STACK if deployed_cloud(layout) == "gcp" else STACK
    tools = find_tools(layout, cluster.kubernetes_version(layout))
    return SandboxStack(layout, tools, cloud_environment={}, name=name, tracked=name)


def deployed_cloud(layout: Layout) -> Cloud:
    """Whose cloud the configured stack is for."""
    return "gcp" if (layout.stack_configuration / f"Pulumi.{GOOGLE_STACK}.yaml").exists() else "aws"


def stack_is_up(layout: Layout) -> bool:
    """Whether a stack is configured, which is so from its first moment until it is torn down."""
    return layout.stack_configuration.exists()

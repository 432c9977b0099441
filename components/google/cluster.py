"""Looks up the GKE cluster that Vault runs on; never changes it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pulumi
import pulumi_gcp as gcp

from components.errors import DeploymentError
from components.google.node_pools import require_metadata_server
from components.google.project import google_provider, look_up
from components.google.provider_settings import stack_provider_settings
from components.kubernetes.kubeconfig import exec_kubeconfig
from components.kubernetes.managed_cluster import ManagedCluster

AUTH_PLUGIN = "gke-gcloud-auth-plugin"
AUTH_PLUGIN_GUIDE = "cloud.google.com/kubernetes-engine/docs/how-to/cluster-access-for-kubectl"

CLUSTER_PERMISSIONS = ("container.clusters.get", "compute.instanceGroupManagers.list")
"""What the look-up takes: the provider reads the cluster, and the instance groups of its node pools."""

_NETWORK = re.compile(r"projects/([^/]+)/global/networks/([^/]+)$")


@dataclass(frozen=True)
class GkeCluster(ManagedCluster):
    """A GKE cluster, as the other components need to know it."""

    cloud: ClassVar[Literal["google"]] = "google"
    project: str
    location: str
    """Region or zone."""
    endpoint: str
    """URL of the API server; empty if the stack connects through a context and GKE reports none."""
    certificate_authority: str
    """The API server's CA certificate, base64 of PEM; empty for the DNS name, which is publicly trusted."""
    workload_pool: str | None
    """The workload identity pool, ``<project>.svc.id.goog``; None if Workload Identity is off."""
    master_cidr: str
    """Address range (CIDR) of the control plane; empty if GKE reports none."""
    private_nodes: bool
    """Whether the nodes have internal addresses only."""
    network: str
    """The VPC network, ``projects/<project>/global/networks/<name>``; a shared one is the host project's."""
    plugin_arguments: Sequence[str]
    """Arguments with which gcloud's plugin acts as the same account as the provider."""
    provider: gcp.Provider
    """The Google provider for the stack's project."""

    @property
    def path(self) -> str:
        """The cluster's resource name in Google's APIs."""
        return f"projects/{self.project}/locations/{self.location}/clusters/{self.name}"

    @property
    def identity(self) -> str:
        """The cluster's project, location and name."""
        return f"gke:{self.project}:{self.location}:{self.name}"

    @property
    def token_command(self) -> tuple[str, str]:
        """The kubectl plugin of gcloud and the URL of its installation guide."""
        return AUTH_PLUGIN, AUTH_PLUGIN_GUIDE

    def kubeconfig(self) -> str:
        """Return a kubeconfig that runs gcloud's plugin for a token at each use.

        Source: the GKE guide, "Install kubectl and configure cluster access". Arguments are left out if there
        are none: an empty list would be a change of every stack.
        """
        arguments = {"args": list(self.plugin_arguments)} if self.plugin_arguments else {}
        return exec_kubeconfig(
            self.name,
            endpoint=self.endpoint,
            certificate_authority=self.certificate_authority,
            token_command={
                "command": AUTH_PLUGIN,
                **arguments,
                "installHint": f"See {AUTH_PLUGIN_GUIDE}",
                "provideClusterInfo": True,
            },
        )


@dataclass(frozen=True)
class GkeClusterNeeds:
    """The stack's needs of its cluster."""

    endpoint: bool
    """Whether the connection is built from the cluster, and not from a context."""
    workload_identity: bool
    """Whether the seal uses Workload Identity."""
    placed: bool
    """Whether the settings choose the nodes of Vault's pods by the label of Workload Identity."""


def look_up_gke_cluster(name: str, location: str, project: str, needs: GkeClusterNeeds) -> GkeCluster:
    """Look up the cluster in a region or zone of the project.

    Raises :class:`DeploymentError` if there is no such cluster in the location, and if it lacks what the
    stack ``needs`` of it.
    """
    provider = google_provider(project)
    where = f"--location={location} --project={project}"
    found: Mapping[str, Any] = look_up(
        f"GKE cluster {name!r} can't be read in {location} of project {project}",
        "Check clusterName, location and project, and that the Google credentials in use have "
        f"{' and '.join(CLUSTER_PERMISSIONS)} (gcloud container clusters describe {name} {where}).",
        api="container.googleapis.com",
        project=project,
        # By its token: gcp.container.get_cluster comes with all types of GKE, 0.2 s of every preview.
        invoke=lambda: (
            pulumi.runtime.invoke(
                "gcp:container/getCluster:getCluster",
                {"name": name, "location": location, "project": project},
                pulumi.InvokeOptions(provider=provider),
            ).value
        ),
    )
    endpoint, authority = _endpoint(found)
    if not endpoint and needs.endpoint:
        raise DeploymentError(
            f"GKE cluster {name!r} has no address yet. Wait until it runs: "
            f"gcloud container clusters describe {name} {where}\n"
            "If its IP endpoint is off, open its DNS endpoint to external traffic (gcloud container clusters "
            "update, --enable-dns-access), or set kubeContext."
        )
    pools = [config["workloadPool"] for config in found.get("workloadIdentityConfigs", ())]
    if not pools and needs.workload_identity:
        switch_on = f"gcloud container clusters update {name} {where} --workload-pool={project}.svc.id.goog"
        switch_pool = f"gcloud container node-pools update <pool> --cluster={name} {where}"
        raise DeploymentError(
            f"GKE cluster {name!r} has no Workload Identity, by which Vault's pods use the key.\n"
            f"Switch it on: {switch_on}\n"
            f"and for the pool of Vault's nodes: {switch_pool} --workload-metadata=GKE_METADATA\n"
            "Or set identity.kind to key-file."
        )
    if needs.workload_identity and not needs.placed:
        require_metadata_server(found, name, where)
    private = _first(found.get("privateClusterConfigs"))
    return GkeCluster(
        name=name,
        project=project,
        location=location,
        endpoint=f"https://{endpoint}" if endpoint else "",
        certificate_authority=authority,
        workload_pool=pools[0] if pools else None,
        master_cidr=str(private.get("masterIpv4CidrBlock") or ""),
        private_nodes=bool(private.get("enablePrivateNodes")),
        network=_network(str(found.get("network") or "default"), project),
        plugin_arguments=stack_provider_settings(None).plugin_arguments(
            by_dns=bool(endpoint) and not authority
        ),
        provider=provider,
    )


def _endpoint(found: Mapping[str, Any]) -> tuple[str, str]:
    """Return the host of the API server and its CA certificate, both empty if it can't be reached by any.

    The DNS name is taken if there is no IP address, or only one inside of the network, and if it is open to
    callers outside of Google Cloud. Its certificate is publicly trusted, so gcloud's kubeconfig has no CA for
    it, either (googlecloudsdk, kubeconfig.py).
    """
    control_plane = _first(found.get("controlPlaneEndpointsConfigs"))
    dns = _first(control_plane.get("dnsEndpointConfigs"))
    by_dns = str(dns.get("endpoint") or "") if dns.get("allowExternalTraffic") else ""
    by_address = str(found.get("endpoint") or "")
    authority = str(_first(found.get("masterAuths")).get("clusterCaCertificate") or "")
    private = bool(_first(found.get("privateClusterConfigs")).get("enablePrivateEndpoint"))
    if by_dns and (private or not by_address or not authority):
        return by_dns, ""
    return (by_address, authority) if by_address and authority else ("", "")


def _first(blocks: Any) -> Mapping[str, Any]:
    """Return the one block that the provider reports in a list; an empty one if there is none."""
    return next(iter(blocks or ()), {})


def network_project(network: str) -> str:
    """Return the project of a network; for a shared VPC it is the host project, not the cluster's."""
    return network.split("/")[1]


def _network(reported: str, project: str) -> str:
    """Return the network's full name; GKE reports a path, a link, or (in its own project) the bare name."""
    found = _NETWORK.search(reported)
    if found is not None:
        return f"projects/{found[1]}/global/networks/{found[2]}"
    return f"projects/{project}/global/networks/{reported}"

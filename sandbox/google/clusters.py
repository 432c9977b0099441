"""GKE clusters (Kubernetes Engine API, v1 and v1beta1): the one of the sandbox, read only.

https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1beta1/projects.locations.clusters. Google's
provider asks v1beta1, and fails over an answer that lacks what Google always sends.
"""

from dataclasses import dataclass

from sandbox.google import compute
from sandbox.google.api_errors import GoogleError, JsonObject
from sandbox.google.firewalls import NETWORK_PATH
from sandbox.google.policies import Policies
from sandbox.google.project import (
    CLUSTER_NAME,
    CLUSTER_PATH,
    CONTROL_PLANE_CIDR,
    LOCATION,
    NETWORK,
    PROJECT_ID,
    WORKLOAD_POOL,
    ClusterFacts,
)
from sandbox.google.rest_routes import Call, Route

ZONE = f"{LOCATION}-a"
POOL = "default-pool"
NODES = 1
GROUP_NAME = f"gke-{CLUSTER_NAME}-{POOL}-5e9f4286-grp"
GROUP_PATH = f"projects/{PROJECT_ID}/zones/{ZONE}/instanceGroupManagers/{GROUP_NAME}"
"""The instances of the cluster's one node pool in the cluster's one zone."""

_SUBNETWORK_PATH = f"projects/{PROJECT_ID}/regions/{LOCATION}/subnetworks/{NETWORK}"
_VERSIONS = ("v1", "v1beta1")


@dataclass
class Clusters:
    """The API; there is no cluster before its facts are known."""

    policies: Policies
    facts: ClusterFacts | None = None

    def routes(self) -> list[Route]:
        """Return its methods, in both versions."""
        return [
            route
            for version in _VERSIONS
            for route in (
                Route(
                    "GetCluster",
                    "GET",
                    f"/{{version={version}}}/{{name=projects/*/locations/*/clusters/*}}",
                    self._get,
                ),
                Route(
                    "ListClusters",
                    "GET",
                    f"/{{version={version}}}/{{parent=projects/*/locations/*}}/clusters",
                    self._list,
                ),
            )
        ]

    def _require(self, call: Call, permission: str, name: str) -> None:
        if not self.policies.allows(call.caller.member, permission, name):
            raise GoogleError(
                "PERMISSION_DENIED",
                f'Required "{permission}" permission(s) for "{name}".',
                reason="IAM_PERMISSION_DENIED",
                domain="container.googleapis.com",
            )

    def _get(self, call: Call) -> JsonObject:
        name = call.names["name"]
        self._require(call, "container.clusters.get", name)
        if self.facts is None or name != CLUSTER_PATH:
            raise GoogleError("NOT_FOUND", f"Not found: {name}.")
        return _described(self.facts, call.names["version"])

    def _list(self, call: Call) -> JsonObject:
        parent = call.names["parent"]
        self._require(call, "container.clusters.list", parent)
        here = parent in (f"projects/{PROJECT_ID}/locations/{LOCATION}", f"projects/{PROJECT_ID}/locations/-")
        if not here or self.facts is None:
            return {}
        return {"clusters": [_described(self.facts, call.names["version"])]}


def _described(facts: ClusterFacts, version: str) -> JsonObject:
    host = facts.endpoint.partition(":")[0]
    kubernetes = f"{facts.kubernetes}-gke.1000000"
    return {
        "name": CLUSTER_NAME,
        "id": "7a1d0c3b5e9f4286a0b4c8d2e6f10375",
        "location": LOCATION,
        "locations": [ZONE],
        "status": "RUNNING",
        "endpoint": facts.endpoint,
        "currentMasterVersion": kubernetes,
        "currentNodeVersion": kubernetes,
        "currentNodeCount": NODES,
        "masterAuth": {"clusterCaCertificate": facts.certificate_authority},
        "legacyAbac": {},
        "addonsConfig": {},
        "nodeConfig": {},
        "network": NETWORK,
        "subnetwork": NETWORK,
        "networkConfig": {
            "network": NETWORK_PATH,
            "subnetwork": _SUBNETWORK_PATH,
            "defaultEnablePrivateNodes": True,
        },
        "ipAllocationPolicy": {"useIpAliases": True},
        "controlPlaneEndpointsConfig": {
            # Every cluster has such a name; nobody outside of Google Cloud may use it unless that is allowed.
            "dnsEndpointConfig": {"endpoint": f"gke-7a1d0c3b5e9f-123456789012.{LOCATION}.gke.goog"},
            "ipEndpointsConfig": {"enabled": True, "enablePublicEndpoint": True, "publicEndpoint": host},
        },
        "privateClusterConfig": {
            "enablePrivateNodes": True,
            "masterIpv4CidrBlock": CONTROL_PLANE_CIDR,
            "publicEndpoint": host,
        },
        "workloadIdentityConfig": {"workloadPool": WORKLOAD_POOL},
        "nodePools": [
            {
                "name": POOL,
                "initialNodeCount": NODES,
                "locations": [ZONE],
                "version": kubernetes,
                "status": "RUNNING",
                "config": {"workloadMetadataConfig": {"mode": "GKE_METADATA"}},
                # Links of v1 in any version, and to the groups' managers in spite of the field's name.
                "instanceGroupUrls": [compute.link("v1", GROUP_PATH)],
                "selfLink": f"https://container.googleapis.com/{version}/{CLUSTER_PATH}/nodePools/{POOL}",
            }
        ],
        "selfLink": f"https://container.googleapis.com/{version}/{CLUSTER_PATH}",
    }

"""GKE clusters (Kubernetes Engine API v1): the one of the sandbox, read only.

https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters.
"""

from dataclasses import dataclass

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


@dataclass
class Clusters:
    """The API; there is no cluster before its facts are known."""

    policies: Policies
    facts: ClusterFacts | None = None

    def routes(self) -> list[Route]:
        """Return its methods."""
        return [
            Route("GetCluster", "GET", "/v1/{name=projects/*/locations/*/clusters/*}", self._get),
            Route("ListClusters", "GET", "/v1/{parent=projects/*/locations/*}/clusters", self._list),
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
        return _described(self.facts)

    def _list(self, call: Call) -> JsonObject:
        parent = call.names["parent"]
        self._require(call, "container.clusters.list", parent)
        here = parent in (f"projects/{PROJECT_ID}/locations/{LOCATION}", f"projects/{PROJECT_ID}/locations/-")
        return {"clusters": [_described(self.facts)]} if here and self.facts is not None else {}


def _described(facts: ClusterFacts) -> JsonObject:
    return {
        "name": CLUSTER_NAME,
        "id": "7a1d0c3b5e9f4286a0b4c8d2e6f10375",
        "location": LOCATION,
        "locations": [f"{LOCATION}-a"],
        "status": "RUNNING",
        "endpoint": facts.endpoint,
        "masterAuth": {"clusterCaCertificate": facts.certificate_authority},
        "network": NETWORK,
        "networkConfig": {"network": NETWORK_PATH},
        "privateClusterConfig": {
            "enablePrivateNodes": True,
            "masterIpv4CidrBlock": CONTROL_PLANE_CIDR,
            "publicEndpoint": facts.endpoint,
        },
        "workloadIdentityConfig": {"workloadPool": WORKLOAD_POOL},
        "selfLink": f"https://container.googleapis.com/v1/{CLUSTER_PATH}",
    }

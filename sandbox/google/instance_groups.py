"""The managed instance groups that a cluster's node pools consist of (Compute Engine API), read only.

https://cloud.google.com/compute/docs/reference/rest/beta/instanceGroupManagers. Who looks a cluster up with
Google's provider lists them, zone by zone, and needs the permission for it.
"""

from dataclasses import dataclass

from sandbox.google import compute
from sandbox.google.api_errors import JsonObject
from sandbox.google.clusters import GROUP_NAME, GROUP_PATH, NODES, ZONE, Clusters
from sandbox.google.policies import Policies
from sandbox.google.project import PROJECT_ID
from sandbox.google.rest_routes import Call, Route

_ZONE_PATH = f"projects/{PROJECT_ID}/zones/{ZONE}"


@dataclass
class InstanceGroups:
    """The API; the one group is there as soon as the cluster is."""

    policies: Policies
    clusters: Clusters

    def routes(self) -> list[Route]:
        """Return its method, in both versions."""
        return [
            Route(
                "instanceGroupManagers.list",
                "GET",
                compute.path(version, "{zone=projects/*/zones/*}/instanceGroupManagers"),
                self._list,
            )
            for version in compute.VERSIONS
        ]

    def _list(self, call: Call) -> JsonObject:
        zone, version = call.names["zone"], call.names["version"]
        compute.require(self.policies, call, "instanceGroupManagers.list", zone)
        answer: JsonObject = {
            "kind": "compute#instanceGroupManagerList",
            "selfLink": compute.link(version, f"{zone}/instanceGroupManagers"),
        }
        if self.clusters.facts is not None and zone == _ZONE_PATH:
            answer["items"] = [
                {
                    "kind": "compute#instanceGroupManager",
                    "name": GROUP_NAME,
                    "zone": compute.link(version, zone),
                    "targetSize": NODES,
                    "selfLink": compute.link(version, GROUP_PATH),
                }
            ]
        return answer

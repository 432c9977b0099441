"""Projects and their policies (Cloud Resource Manager API, v1 and v3).

https://cloud.google.com/resource-manager/reference/rest.
"""

from dataclasses import dataclass

from sandbox.google.api_errors import GoogleError, JsonObject
from sandbox.google.policies import Policies
from sandbox.google.project import PROJECT_ID, PROJECT_NUMBER
from sandbox.google.rest_routes import Call, PolicyMethods, Route, policy_routes

_CREATED = "2026-01-01T00:00:00Z"


@dataclass
class Projects:
    """The API, with the sandbox's one project."""

    policies: Policies

    def routes(self) -> list[Route]:
        """Return its methods, in both versions."""
        policy = PolicyMethods(self.policies, _existing)
        return [
            Route("GetProject", "GET", "/v1/{name=projects/*}", self._get_v1),
            Route("GetProject", "GET", "/v3/{name=projects/*}", self._get_v3),
            *policy_routes("/v1/", "projects/*", "resourcemanager.projects", policy, "POST"),
            *policy_routes("/v3/", "projects/*", "resourcemanager.projects", policy, "POST"),
        ]

    def _may_get(self, call: Call) -> bool:
        return self.policies.allows(call.caller.member, "resourcemanager.projects.get", call.names["name"])

    def _get_v1(self, call: Call) -> JsonObject:
        if not self._may_get(call):
            raise GoogleError("PERMISSION_DENIED", "The caller does not have permission")
        return {
            "projectNumber": PROJECT_NUMBER,
            "projectId": PROJECT_ID,
            "lifecycleState": "ACTIVE",
            "name": PROJECT_ID,
            "createTime": _CREATED,
        }

    def _get_v3(self, call: Call) -> JsonObject:
        if not self._may_get(call):
            raise GoogleError(
                "PERMISSION_DENIED",
                "Permission 'resourcemanager.projects.get' denied on resource "
                f"'//cloudresourcemanager.googleapis.com/{call.names['name']}' (or it may not exist).",
            )
        return {
            "name": f"projects/{PROJECT_NUMBER}",
            "projectId": PROJECT_ID,
            "state": "ACTIVE",
            "displayName": PROJECT_ID,
            "createTime": _CREATED,
        }


def _existing(name: str) -> str:
    # Nobody has a permission on another project, so a caller who comes here means this one.
    return name

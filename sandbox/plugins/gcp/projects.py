"""``gcp:projects/service:Service`` and ``gcp:projects/iAMCustomRole:IAMCustomRole``."""

import http.client
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.bridged_schema import Property, Schema
from sandbox.plugins.gcp.api import GoogleApiError, JsonObject, failing_as, one_error
from sandbox.plugins.gcp.resource_type import PROJECT, GoogleResourceType, parsed_id
from sandbox.plugins.json_values import to_json
from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import ProviderError, Resource
from sandbox.plugins.validation import matching, one_of

ROLE_FORM = "projects/{project}/roles/{roleId}"
_SERVICE_FORM = "{project}/{service}"
_STAGES = ("ALPHA", "BETA", "GA", "DEPRECATED", "DISABLED", "EAP")


def _domain(name: str, value: PropertyValue) -> str | None:  # noqa: ARG001 - a validator
    if "." in str(value):
        return None
    return f"expected {value} to be a domain like serviceusage.googleapis.com"


class Service(GoogleResourceType):
    """An API that is on in a project; its id is ``<project>/<service>``.

    One that is on already is taken as it is, and ``disableOnDestroy`` alone turns one off.
    """

    token = "gcp:projects/service:Service"  # noqa: S105 - a type's name
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("disableDependentServices", "boolean", read_back=False),
            Property("disableOnDestroy", "boolean", read_back=False),
            PROJECT,
            Property("service", required=True, replaces=True, validators=(_domain,)),
        ),
        outputs=("checkIfServiceHasUsageOnDestroy", "deletionPolicy"),
        not_implemented=frozenset({"checkIfServiceHasUsageOnDestroy", "deletionPolicy"}),
    )

    def make(self, inputs: PropertyMap) -> tuple[str, PropertyMap]:
        """Turn the API on, and wait until it is and until the list of services says so."""
        project, service = self.project_of(inputs), str(inputs["service"])
        doing = f'Request "Enable Project Service \\"{service}\\" for project \\"{project}\\"" returned error'
        with failing_as(doing):
            if not self._is_on(project, service):
                name = f"projects/{project}/services/{service}"
                with failing_as("failed to send enable services request"):
                    operation = self.google.request("POST", "serviceusage", f"v1/{name}:enable", body={})
                self._wait(operation, "api to enable")
                pauses = self.google.pauses("api to enable")
                while not self._is_on(project, service):
                    next(pauses)
        return f"{project}/{service}", {}

    def _wait(self, operation: JsonObject, doing: str) -> None:
        self.google.wait_for("serviceusage", operation, f"v1beta1/{operation.get('name')}", doing=doing)

    def _is_on(self, project: str, service: str) -> bool:
        query = {"fields": "services/name,nextPageToken", "filter": "state:ENABLED", "pageSize": "200"}
        listed = self.google.list_all(
            "serviceusage", f"v1/projects/{project}/services", "services", query=query
        )
        return any(str(one.get("name", "")).rpartition("/")[2] == service for one in listed)

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Look for the API among those that are on."""
        parts = parsed_id(identifier, _SERVICE_FORM)
        project, service = parts["project"], parts["service"]
        what = f"Project Service {identifier}"
        found = self.google.get_if_there("cloudresourcemanager", f"v1/projects/{project}", what=what)
        if found is None or found.get("lifecycleState") == "DELETE_REQUESTED":
            return None
        with failing_as(f"Error when reading or editing {what}"):
            on = self._is_on(project, service)
        return {"deletionPolicy": "DELETE", "project": project, "service": service} if on else None

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Do nothing: what can change is the plugin's own business."""

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Turn the API off if asked to, and wait until it is."""
        if state.get("disableOnDestroy") is not True:
            return
        parts = parsed_id(identifier, _SERVICE_FORM)
        name = f"projects/{parts['project']}/services/{parts['service']}"
        body: JsonObject = {"disableDependentServices": state.get("disableDependentServices") is True}
        doing = f'Error disabling service "{parts["service"]}" for project "{parts["project"]}"'
        with failing_as(f"Error when reading or editing Project Service {identifier}: {doing}"):
            operation = self.google.request("POST", "serviceusage", f"v1/{name}:disable", body=body)
            self._wait(operation, "api to disable")


class IamCustomRole(GoogleResourceType):
    """A role of a project's own; its id is ``projects/<project>/roles/<role id>``.

    Google keeps a deleted role for a while, and creating one anew undeletes it.
    """

    token = "gcp:projects/iAMCustomRole:IAMCustomRole"  # noqa: S105
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("description"),
            Property("permissions", "set", required=True),
            PROJECT,
            Property(
                "roleId", replaces=True, autonamed=True, validators=(matching(r"[a-zA-Z0-9_\.]{3,64}"),)
            ),
            Property("stage", default="GA", validators=(one_of(*_STAGES),)),
            Property("title", required=True),
        ),
        outputs=("deleted", "deletionPolicy", "name"),
        not_implemented=frozenset({"deletionPolicy"}),
    )

    def make(self, inputs: PropertyMap) -> tuple[str, PropertyMap]:
        """Create the role, or undelete it; one that is there and not deleted is an error."""
        project = self.project_of(inputs)
        name = f"projects/{project}/roles/{inputs['roleId']}"
        try:
            found: JsonObject | None = self.google.get("iam", f"v1/{name}")
        except GoogleApiError as error:
            if error.status != http.client.NOT_FOUND:
                raise ProviderError(
                    one_error(
                        f"Unable to verify whether custom project role {name} already exists and must be "
                        f'undeleted: Error when reading or editing Custom Project Role "{name}": {error}'
                    )
                ) from error
            found = None
        if found is None:
            body: JsonObject = {"roleId": to_json(inputs["roleId"]), "role": _role(inputs)}
            with failing_as(f"Error creating the custom project role {name}"):
                self.google.request("POST", "iam", f"v1/projects/{project}/roles", body=body)
        elif found.get("deleted") is True:
            self._bring_to(name, inputs)
        else:
            raise ProviderError(one_error(f"Custom project role {name} already exists and must be imported"))
        return name, {}

    def _bring_to(self, name: str, inputs: PropertyMap) -> None:
        with failing_as(f"unable to find custom project role {name} to update"):
            found = self.google.get("iam", f"v1/{name}")
        if found.get("deleted") is True:
            with failing_as(f"Error undeleting the custom project role {inputs['title']}"):
                self.google.request("POST", "iam", f"v1/{name}:undelete", body={})
        with failing_as(f"Error updating the custom project role {inputs['title']}"):
            self.google.request("PATCH", "iam", f"v1/{name}", body=_role(inputs))

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Get the role; a deleted one is still there, as ``deleted`` tells."""
        parts = parsed_id(identifier, ROLE_FORM)
        found = self.google.get_if_there("iam", f"v1/{identifier}", what=identifier)
        if found is None:
            return None
        permissions = found.get("includedPermissions")
        return {
            **parts,
            "deleted": found.get("deleted") is True,
            "deletionPolicy": "DELETE",
            "description": str(found.get("description", "")),
            "name": str(found["name"]),
            "permissions": [str(name) for name in (permissions if isinstance(permissions, list) else [])],
            "stage": str(found.get("stage", "")),
            "title": str(found.get("title", "")),
        }

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Undelete the role if it was deleted, and patch it."""
        self._bring_to(identifier, inputs)

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Delete the role; as with the real plugin one that is gone already is an error."""
        with failing_as(f"Error deleting the custom project role {state.get('title', '')}"):
            self.google.request("DELETE", "iam", f"v1/{identifier}")


def _role(inputs: PropertyMap) -> JsonObject:
    return {
        "title": to_json(inputs["title"]),
        "description": to_json(inputs.get("description", "")),
        "stage": to_json(inputs["stage"]),
        "includedPermissions": to_json(inputs["permissions"]),
    }

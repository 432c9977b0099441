"""Custom roles of a project (IAM API v1, projects.roles).

https://cloud.google.com/iam/docs/reference/rest/v1/projects.roles. A deleted role can be had back, keeps its
name, and its bindings give nothing. (On Google it is gone after 37 days, which no sandbox lives to see.)
"""

import base64
import re
from dataclasses import dataclass, field

from sandbox.google.api_errors import GoogleError, JsonObject, text
from sandbox.google.policies import Policies
from sandbox.google.rest_routes import Call, Route
from sandbox.google.roles import PERMISSIONS

_FIELDS = ("title", "description", "includedPermissions", "stage")


@dataclass
class _Role:
    fields: JsonObject
    deleted: bool = False
    revision: int = 1

    def to_json(self, name: str, *, full: bool = True) -> JsonObject:
        """Return the role as JSON; ``full`` has the permissions too."""
        etag = base64.b64encode(b"BwY" + self.revision.to_bytes(4, "big")).decode()
        fields = {key: value for key, value in self.fields.items() if value}
        if not full:
            fields.pop("includedPermissions", None)
        answer = {"name": name, **fields, "etag": etag}
        return {**answer, "deleted": True} if self.deleted else answer


@dataclass
class CustomRoles:
    """The roles, by name (`projects/<project>/roles/<id>`)."""

    _roles: dict[str, _Role] = field(default_factory=dict)

    def permissions(self, name: str) -> frozenset[str] | None:
        """Return what a role lets its members do; nothing once it is deleted, None if there is none."""
        role = self._roles.get(name)
        if role is None:
            return None
        return frozenset() if role.deleted else frozenset(role.fields.get("includedPermissions", []))

    def routes(self, policies: Policies) -> list[Route]:
        """Return the methods of `projects.roles`."""

        def guarded(verb: str, call: Call) -> str:
            name = call.names["name"]
            project = "/".join(name.split("/")[:2])
            policies.require(call.caller.member, f"iam.roles.{verb}", project)
            return name

        def create(call: Call) -> JsonObject:
            parent = call.names["parent"]
            policies.require(call.caller.member, "iam.roles.create", parent)
            return self._create(parent, text(call.body, "roleId"), call.body.get("role") or {})

        def undelete(call: Call) -> JsonObject:
            return self._set_deleted(guarded("undelete", call), deleted=False)

        def list_roles(call: Call) -> JsonObject:
            parent = call.names["parent"]
            policies.require(call.caller.member, "iam.roles.list", parent)
            deleted, full = call.query.get("showDeleted") == "true", call.query.get("view") == "FULL"
            found = [
                role.to_json(name, full=full)
                for name, role in self._roles.items()
                if name.startswith(f"{parent}/") and (deleted or not role.deleted)
            ]
            return {"roles": found} if found else {}

        one = "/v1/{name=projects/*/roles/*}"
        return [
            Route("CreateRole", "POST", "/v1/{parent=projects/*}/roles", create),
            Route("ListRoles", "GET", "/v1/{parent=projects/*}/roles", list_roles),
            Route("GetRole", "GET", one, lambda call: self._get(guarded("get", call))),
            Route("UpdateRole", "PATCH", one, lambda call: self._update(guarded("update", call), call)),
            Route(
                "DeleteRole",
                "DELETE",
                one,
                lambda call: self._set_deleted(guarded("delete", call), deleted=True),
            ),
            Route("UndeleteRole", "POST", f"{one}:undelete", undelete),
        ]

    def _create(self, parent: str, role_id: str, fields: JsonObject) -> JsonObject:
        if not re.fullmatch(r"[a-zA-Z0-9_.]{3,64}", role_id):
            raise GoogleError(
                "INVALID_ARGUMENT",
                f"The role_id {role_id!r} must be 3 to 64 letters, digits, underscores and periods.",
            )
        name = f"{parent}/roles/{role_id}"
        existing = self._roles.get(name)
        if existing is not None and existing.deleted:
            raise GoogleError(
                "FAILED_PRECONDITION",
                f"You can't create a role with role_id ({role_id}) where there is an existing role with that "
                "role_id in a deleted state.",
            )
        if existing is not None:
            raise GoogleError("ALREADY_EXISTS", f"A role named {role_id} in {parent} already exists.")
        _check_permissions(fields)
        self._roles[name] = _Role({key: fields[key] for key in _FIELDS if key in fields})
        return self._roles[name].to_json(name)

    def _find(self, name: str) -> _Role:
        if name not in self._roles:
            raise GoogleError("NOT_FOUND", f"The role named {name} was not found.")
        return self._roles[name]

    def _get(self, name: str) -> JsonObject:
        return self._find(name).to_json(name)

    def _update(self, name: str, call: Call) -> JsonObject:
        role = self._find(name)
        if role.deleted:
            raise GoogleError("FAILED_PRECONDITION", f"You can't update role {name}, which is deleted.")
        changed = call.update_mask() or [key for key in _FIELDS if key in call.body]
        _check_permissions(call.body)
        for key in changed:
            if key not in _FIELDS:
                raise GoogleError("INVALID_ARGUMENT", f"Invalid update_mask: {key}")
            role.fields[key] = call.body.get(key)
        role.revision += 1
        return role.to_json(name)

    def _set_deleted(self, name: str, *, deleted: bool) -> JsonObject:
        role = self._find(name)
        if role.deleted == deleted:
            state = "already" if deleted else "not"
            raise GoogleError("FAILED_PRECONDITION", f"The role named {name} is {state} deleted.")
        role.deleted = deleted
        role.revision += 1
        return role.to_json(name)


def _check_permissions(fields: JsonObject) -> None:
    for permission in fields.get("includedPermissions") or []:
        if permission not in PERMISSIONS:
            raise GoogleError("INVALID_ARGUMENT", f"Permission {permission} is not valid.")

"""Secret Manager (v1): https://cloud.google.com/secret-manager/docs/reference/rest.

Like Google's it answers with the project's number where it was asked with its id.
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import google_crc32c

from sandbox.google.accounts import timestamp
from sandbox.google.api_errors import GoogleError, JsonObject, not_implemented
from sandbox.google.policies import Policies
from sandbox.google.project import by_project_number
from sandbox.google.rest_routes import Call, PolicyMethods, Route, policy_routes

LARGEST_BYTES = 65536
_PAGE = 25_000


@dataclass
class _Version:
    data: bytes
    checked: bool
    created: datetime
    state: str = "ENABLED"
    destroyed: datetime | None = None


@dataclass
class _Secret:
    created: datetime
    fields: JsonObject
    versions: list[_Version] = field(default_factory=list)


@dataclass
class SecretManager:
    """The API, and the secrets by name."""

    policies: Policies
    now: Callable[[], datetime]
    _secrets: dict[str, _Secret] = field(default_factory=dict)

    def routes(self, parent: str = "projects/*") -> list[Route]:
        """Return its methods; regional secrets have the region as their parent, and hosts of their own."""
        one = f"{parent}/secrets/*"
        secret, version = f"/v1/{{name={one}}}", f"/v1/{{name={one}/versions/*}}"
        policy = PolicyMethods(self.policies, self._existing)
        return [
            Route("CreateSecret", "POST", f"/v1/{{parent={parent}}}/secrets", self._create),
            Route("GetSecret", "GET", secret, self._get),
            Route("UpdateSecret", "PATCH", secret, self._update),
            Route("DeleteSecret", "DELETE", secret, self._delete),
            Route("AddSecretVersion", "POST", f"{secret}:addVersion", self._add),
            Route("ListSecretVersions", "GET", f"{secret}/versions", self._list),
            Route("GetSecretVersion", "GET", version, self._get_version),
            Route("AccessSecretVersion", "GET", f"{version}:access", self._access),
            Route(
                "EnableSecretVersion",
                "POST",
                f"{version}:enable",
                lambda call: self._set_state(call, "enable", "ENABLED"),
            ),
            Route(
                "DisableSecretVersion",
                "POST",
                f"{version}:disable",
                lambda call: self._set_state(call, "disable", "DISABLED"),
            ),
            Route(
                "DestroySecretVersion",
                "POST",
                f"{version}:destroy",
                lambda call: self._set_state(call, "destroy", "DESTROYED"),
            ),
            *policy_routes("/v1/", one, "secretmanager.secrets", policy, "GET"),
        ]

    def _require(self, call: Call, permission: str) -> str:
        name = call.names.get("name") or call.names["parent"]
        if not self.policies.allows(call.caller.member, f"secretmanager.{permission}", name):
            raise GoogleError(
                "PERMISSION_DENIED",
                f"Permission 'secretmanager.{permission}' denied for resource '{by_project_number(name)}' "
                "(or it may not exist).",
                reason="IAM_PERMISSION_DENIED",
                domain="iam.googleapis.com",
            )
        return name

    def _existing(self, name: str) -> str:
        self._secret(name)
        return name

    def _secret(self, name: str) -> _Secret:
        if name not in self._secrets:
            raise GoogleError("NOT_FOUND", f"Secret [{by_project_number(name)}] not found.")
        return self._secrets[name]

    def _version(self, name: str) -> tuple[str, _Version]:
        """Return a version with its numbered name; `latest` is the newest."""
        secret_name, _, number = name.partition("/versions/")
        secret = self._secret(secret_name)
        if number == "latest":
            number = str(len(secret.versions))
        if not re.fullmatch(r"[1-9]\d*", number) or int(number) > len(secret.versions):
            raise GoogleError("NOT_FOUND", f"Secret Version [{by_project_number(name)}] not found.")
        return f"{secret_name}/versions/{number}", secret.versions[int(number) - 1]

    def _describe(self, name: str) -> JsonObject:
        secret = self._secrets[name]
        return {"name": by_project_number(name), "createTime": timestamp(secret.created), **secret.fields}

    def _create(self, call: Call) -> JsonObject:
        parent = self._require(call, "secrets.create")
        secret_id = call.required_query("secretId")
        name = f"{parent}/secrets/{secret_id}"
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,255}", secret_id):
            raise GoogleError(
                "INVALID_ARGUMENT",
                f"The provided Secret ID [{secret_id}] does not match the expected format [[a-zA-Z_0-9]+]",
            )
        if name in self._secrets:
            raise GoogleError("ALREADY_EXISTS", f"Secret [{by_project_number(name)}] already exists.")
        known = {key: call.body[key] for key in ("replication", "labels") if call.body.get(key)}
        if "replication" in known:
            # What is null wasn't chosen.
            known["replication"] = {
                kind: chosen for kind, chosen in known["replication"].items() if chosen is not None
            }
        if set(call.body) - {"name", "replication", "labels"}:
            raise not_implemented("A secret with other settings than replication and labels")
        if unknown := set(known.get("replication", {})) - {"automatic", "userManaged"}:
            raise GoogleError(
                "INVALID_ARGUMENT",
                f'Invalid JSON payload received. Unknown name "{sorted(unknown)[0]}" at '
                "'secret.replication': Cannot find field.",
            )
        if ("replication" in known) == ("/locations/" in parent):
            raise GoogleError("INVALID_ARGUMENT", "A global secret has a replication, and no regional one.")
        self._secrets[name] = _Secret(self.now(), known)
        return self._describe(name)

    def _get(self, call: Call) -> JsonObject:
        return self._describe(self._existing(self._require(call, "secrets.get")))

    def _update(self, call: Call) -> JsonObject:
        name = self._existing(self._require(call, "secrets.update"))
        if list(call.update_mask()) != ["labels"]:
            raise not_implemented("An update of a secret's other fields than its labels")
        self._secrets[name].fields["labels"] = dict(call.body.get("labels") or {})
        return self._describe(name)

    def _delete(self, call: Call) -> JsonObject:
        name = self._existing(self._require(call, "secrets.delete"))
        del self._secrets[name]
        self.policies.resource_deleted(name)
        return {}

    def _add(self, call: Call) -> JsonObject:
        name = self._require(call, "versions.add")
        secret = self._secret(name)
        payload = call.body.get("payload") or {}
        try:
            data = base64.b64decode(str(payload.get("data", "")), validate=True)
        except binascii.Error:
            raise GoogleError(
                "INVALID_ARGUMENT",
                "Invalid value at 'payload.data' (TYPE_BYTES), Base64 decoding failed",
            ) from None
        if len(data) > LARGEST_BYTES:
            raise GoogleError("INVALID_ARGUMENT", f"The payload is larger than {LARGEST_BYTES} bytes.")
        checksum = payload.get("dataCrc32c")
        if checksum is not None and str(checksum) != str(google_crc32c.value(data)):
            raise GoogleError("INVALID_ARGUMENT", "The payload's data_crc32c does not match its data.")
        secret.versions.append(_Version(data, checksum is not None, self.now()))
        return _version_json(f"{name}/versions/{len(secret.versions)}", secret.versions[-1])

    def _list(self, call: Call) -> JsonObject:
        name = self._require(call, "versions.list")
        if call.query.get("filter") or call.query.get("pageToken"):
            raise not_implemented("A filter or a further page of versions")
        versions = self._secret(name).versions
        size = int(call.query.get("pageSize") or _PAGE)
        numbers = range(len(versions), max(0, len(versions) - size), -1)
        answer: JsonObject = {"totalSize": len(versions)}
        if versions:
            answer["versions"] = [
                _version_json(f"{name}/versions/{number}", versions[number - 1]) for number in numbers
            ]
        return {**answer, "nextPageToken": "more"} if len(versions) > size else answer

    def _get_version(self, call: Call) -> JsonObject:
        return _version_json(*self._version(self._require(call, "versions.get")))

    def _access(self, call: Call) -> JsonObject:
        name, version = self._version(self._require(call, "versions.access"))
        if version.state != "ENABLED":
            raise _in_state(name, version)
        data = {
            "data": base64.b64encode(version.data).decode(),
            "dataCrc32c": str(google_crc32c.value(version.data)),
        }
        return {"name": by_project_number(name), "payload": data}

    def _set_state(self, call: Call, verb: str, state: str) -> JsonObject:
        name, version = self._version(self._require(call, f"versions.{verb}"))
        if version.state == "DESTROYED":
            raise _in_state(name, version)
        version.state = state
        if state == "DESTROYED":
            version.data, version.destroyed = b"", self.now()
        return _version_json(name, version)


def _version_json(name: str, version: _Version) -> JsonObject:
    answer: JsonObject = {
        "name": by_project_number(name),
        "createTime": timestamp(version.created),
        "state": version.state,
    }
    if version.checked:
        answer["clientSpecifiedPayloadChecksum"] = True
    if version.destroyed is not None:
        answer["destroyTime"] = timestamp(version.destroyed)
    return answer


def _in_state(name: str, version: _Version) -> GoogleError:
    return GoogleError(
        "FAILED_PRECONDITION", f"Secret Version [{by_project_number(name)}] is in {version.state} state."
    )

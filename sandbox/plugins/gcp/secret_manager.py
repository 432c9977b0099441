"""``gcp:secretmanager/secret:Secret`` and ``gcp:secretmanager/regionalSecret:RegionalSecret``: no values."""

import http.client
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.bridged_schema import Property, Schema
from sandbox.plugins.gcp.api import GoogleApiError, JsonObject, failing_as, objects, one_error, texts
from sandbox.plugins.gcp.labels import effective_labels, live_labels
from sandbox.plugins.gcp.resource_type import PROJECT, GoogleResourceType, parsed_id
from sandbox.plugins.json_values import Json, to_json
from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import ProviderError, Resource, not_implemented

SECRET_FORM = "projects/{project}/secrets/{secretId}"  # noqa: S105 - a name's form
REGIONAL_FORM = "projects/{project}/locations/{location}/secrets/{secretId}"


def regional_service(location: str) -> str:
    """Secret Manager in one region, before ``.googleapis.com``."""
    return f"secretmanager.{location}.rep"


def _replication(name: str, value: PropertyValue) -> str | None:
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= {"auto", "userManaged"}:
        return f"{name}: one of `replication.0.auto,replication.0.user_managed` must be specified"
    if value.get("auto"):
        return not_implemented("gcp", "replication.auto.customerManagedEncryption")
    managed = value.get("userManaged")
    if managed is None:
        return None
    replicas = managed.get("replicas") if isinstance(managed, dict) else None
    if not isinstance(replicas, list) or not replicas:
        return 'Missing required argument. The argument "replicas" is required, but no definition was found.'
    if not all(isinstance(replica, dict) and replica.keys() == {"location"} for replica in replicas):
        return not_implemented("gcp", "a replica with more than its location")
    return None


def _locations(value: PropertyValue) -> list[str]:
    """Return where a secret is kept; empty: where Google wants it."""
    managed = value.get("userManaged") if isinstance(value, dict) else None
    replicas = managed.get("replicas") if isinstance(managed, dict) else None
    return [
        str(replica["location"])
        for replica in (replicas if isinstance(replicas, list) else [])
        if isinstance(replica, dict)
    ]


def _same_replication(old: PropertyValue, new: PropertyValue) -> bool:
    return _locations(old) == _locations(new)


_INPUTS = (
    Property("deletionProtection", "boolean", default=False, read_back=False),
    Property("labels", "map"),
    PROJECT,
    Property("secretId", replaces=True, autonamed=True),
)
_OUTPUTS = (
    "createTime",
    "deletionPolicy",
    "effectiveAnnotations",
    "effectiveLabels",
    "expireTime",
    "name",
    "pulumiLabels",
)
_NOT_IMPLEMENTED = frozenset(
    {
        "annotations",
        "deletionPolicy",
        "expireTime",
        "rotation",
        "secretType",
        "tags",
        "topics",
        "ttl",
        "versionAliases",
        "versionDestroyTtl",
    }
)


class Secret(GoogleResourceType):
    """A secret without its versions; its id is its name with the project's id."""

    token = "gcp:secretmanager/secret:Secret"  # noqa: S105 - a type's name
    schema: ClassVar[Schema] = Schema(
        inputs=(
            *_INPUTS,
            Property(
                "replication",
                "object",
                required=True,
                replaces=True,
                validators=(_replication,),
                same=_same_replication,
            ),
        ),
        outputs=_OUTPUTS,
        not_implemented=_NOT_IMPLEMENTED,
    )
    form: ClassVar[str] = SECRET_FORM
    kind: ClassVar[str] = "Secret"

    def service(self, location: str) -> str:  # noqa: ARG002 - regional ones differ
        """Return the API that keeps the secret."""
        return "secretmanager"

    def body(self, inputs: PropertyMap) -> JsonObject:
        """Return what a new secret consists of beside its labels."""
        locations = _locations(inputs["replication"])
        if not locations:
            return {"replication": {"automatic": {}}}
        replicas = [dict[str, Json](location=location) for location in locations]
        return {"replication": {"userManaged": {"replicas": list[Json](replicas)}}}

    def make(self, inputs: PropertyMap) -> tuple[str, PropertyMap]:
        """Create the secret."""
        body = self.body(inputs)
        if labels := effective_labels(inputs.get("labels"), {}):
            body["labels"] = to_json(labels)
        location = str(inputs.get("location", ""))
        name = self.form.format(
            project=self.project_of(inputs), location=location, secretId=inputs["secretId"]
        )
        with failing_as(f"Error creating {self.kind}"):
            self.google.request(
                "POST",
                self.service(location),
                f"v1/{name.rpartition('/')[0]}",
                query={"secretId": str(inputs["secretId"])},
                body=body,
            )
        return name, {}

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Get the secret."""
        parts = parsed_id(identifier, self.form)
        found = self.google.get_if_there(
            self.service(parts.get("location", "")),
            f"v1/{identifier}",
            what=f'SecretManager{self.kind} "{identifier}"',
        )
        if found is None:
            return None
        return {
            **parts,
            **self.placed(found),
            "createTime": str(found.get("createTime", "")),
            "deletionPolicy": "DELETE",
            "effectiveAnnotations": dict[str, PropertyValue](texts(found.get("annotations"))),
            "expireTime": str(found.get("expireTime", "")),
            "name": str(found.get("name", "")),
            **live_labels(texts(found.get("labels")), state),
        }

    def placed(self, found: JsonObject) -> PropertyMap:
        """Return where the secret is kept."""
        replication = found.get("replication")
        managed = replication.get("userManaged") if isinstance(replication, dict) else None
        if not isinstance(managed, dict):
            return {"replication": {"auto": {}}}
        replicas: list[PropertyValue] = [
            {"location": str(replica["location"])} for replica in objects(managed.get("replicas"))
        ]
        return {"replication": {"userManaged": {"replicas": replicas}}}

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Patch labels; the rest is the plugin's own business."""
        labels = effective_labels(inputs.get("labels"), state)
        if labels == (state.get("effectiveLabels") or {}):
            return
        with failing_as(f'Error updating {self.kind} "{identifier}"'):
            self.google.request(
                "PATCH",
                self.service(str(state.get("location", ""))),
                f"v1/{identifier}",
                query={"updateMask": "labels"},
                body={"labels": to_json(labels)},
            )

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Delete the secret with all its versions, unless it is protected."""
        if state.get("deletionProtection") is True:
            raise ProviderError(
                one_error(
                    f"cannot destroy {self.kind} without setting deletion_protection=false and running "
                    "`terraform apply`"
                )
            )
        try:
            self.google.request("DELETE", self.service(str(state.get("location", ""))), f"v1/{identifier}")
        except GoogleApiError as error:
            if error.status != http.client.NOT_FOUND:
                raise ProviderError(
                    one_error(f'Error when reading or editing "{self.kind}": {error}')
                ) from error


class RegionalSecret(Secret):
    """A secret that is kept in one region, by the API of that region."""

    token = "gcp:secretmanager/regionalSecret:RegionalSecret"  # noqa: S105
    schema: ClassVar[Schema] = Schema(
        inputs=(*_INPUTS, Property("location", required=True, replaces=True)),
        outputs=_OUTPUTS,
        not_implemented=_NOT_IMPLEMENTED | {"customerManagedEncryption"},
    )
    form: ClassVar[str] = REGIONAL_FORM
    kind: ClassVar[str] = "RegionalSecret"

    @override
    def service(self, location: str) -> str:
        return regional_service(location)

    @override
    def body(self, inputs: PropertyMap) -> JsonObject:
        return {}

    @override
    def placed(self, found: JsonObject) -> PropertyMap:
        return {}

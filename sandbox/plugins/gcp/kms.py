"""``gcp:kms/keyRing:KeyRing`` and ``gcp:kms/cryptoKey:CryptoKey``: Google deletes neither."""

import re
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.bridged_schema import Property, Schema
from sandbox.plugins.gcp.api import GoogleApiError, JsonObject, failing_as, objects, one_error, texts
from sandbox.plugins.gcp.labels import effective_labels, live_labels
from sandbox.plugins.gcp.resource_type import PROJECT, GoogleResourceType, parsed_id
from sandbox.plugins.json_values import to_json
from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import ProviderError, Resource
from sandbox.plugins.validation import only

SERVICE = "cloudkms"
RING_FORM = "projects/{project}/locations/{location}/keyRings/{name}"
KEY_FORM = "projects/{project}/locations/{location}/keyRings/{ring}/cryptoKeys/{name}"
_DAY_SECONDS = 86400.0
_GONE_VERSIONS = frozenset({"DESTROYED", "DESTROY_SCHEDULED"})


def _rotation_period(name: str, value: PropertyValue) -> str | None:  # noqa: ARG001 - a validator
    if value == "":
        return None
    match = re.fullmatch(r"(\d+(?:\.(\d+))?)s", str(value))
    if match is None:
        return f"Invalid rotation period format: {value}"
    if float(match[1]) < _DAY_SECONDS:
        return "Rotation period must be greater than one day"
    if len(match[2] or "") > 9:
        return "Rotation period cannot have more than 9 fractional digits"
    return None


def _version_template(name: str, value: PropertyValue) -> str | None:
    if isinstance(value, dict) and value.keys() - {"algorithm", "protectionLevel"}:
        return f"Invalid or unknown key in {name}"
    if not isinstance(value, dict) or not isinstance(value.get("algorithm"), str):
        return 'Missing required argument. The argument "algorithm" is required, but no definition was found.'
    return None


def _same_template(old: PropertyValue, new: PropertyValue) -> bool:
    default: PropertyMap = {"protectionLevel": "SOFTWARE"}
    return isinstance(old, dict) and isinstance(new, dict) and {**default, **old} == {**default, **new}


class KeyRing(GoogleResourceType):
    """A key ring; its id is its name in Google's APIs. Deleting one only forgets it."""

    token = "gcp:kms/keyRing:KeyRing"  # noqa: S105 - a type's name
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("location", required=True, replaces=True),
            Property("name", replaces=True, autonamed=True),
            PROJECT,
        ),
        outputs=(),
    )

    def make(self, inputs: PropertyMap) -> tuple[str, PropertyMap]:
        """Create the ring."""
        parent = f"projects/{self.project_of(inputs)}/locations/{inputs['location']}"
        with failing_as("Error creating KeyRing"):
            self.google.request(
                "POST",
                SERVICE,
                f"v1/{parent}/keyRings",
                query={"keyRingId": str(inputs["name"])},
                body={},
            )
        return f"{parent}/keyRings/{inputs['name']}", {}

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Get the ring."""
        parts = parsed_id(identifier, RING_FORM)
        found = self.google.get_if_there(SERVICE, f"v1/{identifier}", what=f'KMSKeyRing "{identifier}"')
        return None if found is None else {name: parts[name] for name in ("location", "name", "project")}

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Do nothing: nothing of a ring can be changed."""

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Forget the ring; the real plugin warns of it in its own log, which nobody sees."""


class CryptoKey(GoogleResourceType):
    """A key; its id is its name in Google's APIs. Deleting one destroys its versions, and forgets it."""

    token = "gcp:kms/cryptoKey:CryptoKey"  # noqa: S105
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("destroyScheduledDuration", replaces=True, computed=True),
            Property("keyRing", required=True, replaces=True),
            Property("labels", "map"),
            Property("name", replaces=True, autonamed=True),
            Property(
                "purpose",
                default="ENCRYPT_DECRYPT",
                replaces=True,
                validators=(only("ENCRYPT_DECRYPT", "gcp"),),
            ),
            Property("rotationPeriod", validators=(_rotation_period,)),
            Property("skipInitialVersionCreation", "boolean", read_back=False),
            Property(
                "versionTemplate",
                "object",
                replaces_below=frozenset({"protectionLevel"}),
                computed=True,
                validators=(_version_template,),
                same=_same_template,
            ),
        ),
        outputs=(
            "cryptoKeyBackend",
            "deletionPolicy",
            "effectiveLabels",
            "importOnly",
            "primaries",
            "pulumiLabels",
        ),
        not_implemented=frozenset(
            {"cryptoKeyBackend", "deletionPolicy", "importOnly", "keyAccessJustificationsPolicy"}
        ),
    )

    def make(self, inputs: PropertyMap) -> tuple[str, PropertyMap]:
        """Create the key, with its first version."""
        ring = str(inputs["keyRing"])
        parsed_id(ring, RING_FORM)
        body: JsonObject = {"purpose": to_json(inputs["purpose"])}
        if labels := effective_labels(inputs.get("labels"), {}):
            body["labels"] = to_json(labels)
        for name in ("destroyScheduledDuration", "versionTemplate", "rotationPeriod"):
            if inputs.get(name):
                body[name] = to_json(inputs[name])
        if period := inputs.get("rotationPeriod"):
            body["nextRotationTime"] = _next_rotation(str(period))
        skip = inputs.get("skipInitialVersionCreation") is True
        query = {"cryptoKeyId": str(inputs["name"]), "skipInitialVersionCreation": str(skip).lower()}
        with failing_as("Error creating CryptoKey"):
            self.google.request("POST", SERVICE, f"v1/{ring}/cryptoKeys", query=query, body=body)
        return f"{ring}/cryptoKeys/{inputs['name']}", {"skipInitialVersionCreation": skip}

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Get the key."""
        parts = parsed_id(identifier, KEY_FORM)
        found = self.google.get_if_there(SERVICE, f"v1/{identifier}", what=f'KMSCryptoKey "{identifier}"')
        if found is None:
            return None
        return {
            "keyRing": RING_FORM.format(
                project=parts["project"], location=parts["location"], name=parts["ring"]
            ),
            "name": parts["name"],
            "deletionPolicy": "DELETE",
            **key_outputs(found),
            **live_labels(texts(found.get("labels")), state),
        }

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Patch rotation, the algorithm of new versions, and labels."""
        body: JsonObject = {}
        mask: list[str] = []
        period = inputs.get("rotationPeriod") or ""
        if period != (state.get("rotationPeriod") or ""):
            mask += ["rotationPeriod", "nextRotationTime"]
            if period:
                body.update(rotationPeriod=str(period), nextRotationTime=_next_rotation(str(period)))
        template = inputs.get("versionTemplate")
        if isinstance(template, dict) and not _same_template(state.get("versionTemplate"), template):
            mask.append("versionTemplate.algorithm")
            body["versionTemplate"] = to_json(template)
        labels = effective_labels(inputs.get("labels"), state)
        if labels != (state.get("effectiveLabels") or {}):
            mask.append("labels")
            body["labels"] = to_json(labels)
        if mask:
            query = {"updateMask": ",".join(mask)}
            with failing_as(f'Error updating CryptoKey "{identifier}"'):
                self.google.request("PATCH", SERVICE, f"v1/{identifier}", query=query, body=body)

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Destroy each version, end rotation, and forget the key."""
        try:
            versions = self.google.list_all(
                SERVICE, f"v1/{identifier}/cryptoKeyVersions", "cryptoKeyVersions"
            )
            for version in versions:
                if version.get("state") not in _GONE_VERSIONS:
                    self.google.request("POST", SERVICE, f"v1/{version['name']}:destroy", body={})
        except GoogleApiError as error:
            raise ProviderError(one_error(str(error))) from error
        if state.get("rotationPeriod"):
            self._end_rotation(identifier)

    def _end_rotation(self, identifier: str) -> None:
        try:
            self.google.request(
                "PATCH",
                SERVICE,
                f"v1/{identifier}",
                query={"updateMask": "rotationPeriod,nextRotationTime"},
                body={"rotationPeriod": None, "nextRotationTime": None},
            )
        except GoogleApiError as error:
            raise ProviderError(
                one_error(
                    "While cryptoKeyVersions were cleared, Terraform was unable to disable automatic "
                    f"rotation of key due to an error: {error}.Please retry or manually disable automatic "
                    "rotation to prevent creation of a new version of this key."
                )
            ) from error


def key_outputs(key: JsonObject) -> PropertyMap:
    """Return what Google tells of a key beside its name and labels."""
    outputs: PropertyMap = {
        "cryptoKeyBackend": str(key.get("cryptoKeyBackend", "")),
        "destroyScheduledDuration": str(key.get("destroyScheduledDuration", "")),
        "importOnly": key.get("importOnly") is True,
        "primaries": [
            {"name": str(primary.get("name", "")), "state": str(primary.get("state", ""))}
            for primary in objects([key.get("primary")])
        ],
        "purpose": str(key.get("purpose", "")),
        "rotationPeriod": str(key.get("rotationPeriod", "")),
    }
    for template in objects([key.get("versionTemplate")]):
        outputs["versionTemplate"] = {
            "algorithm": str(template.get("algorithm", "")),
            "protectionLevel": str(template.get("protectionLevel", "")),
        }
    return outputs


def _next_rotation(period: str) -> str:
    following = datetime.now(UTC) + timedelta(seconds=float(period.removesuffix("s")))
    return following.isoformat().replace("+00:00", "Z")

"""``gcp:storage/bucket:Bucket`` and ``gcp:storage/bucketIAMMember:BucketIAMMember``.

How the real plugin asks for them: terraform-provider-google, google/services/storage.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.bridged_schema import Property, Schema
from sandbox.plugins.gcp.api import GoogleApiError, JsonObject, failing_as, objects, one_error, texts
from sandbox.plugins.gcp.iam_member import MEMBER, POLICY_VERSION, ROLE, IamMember
from sandbox.plugins.gcp.labels import effective_labels, live_labels
from sandbox.plugins.gcp.resource_type import PROJECT, GoogleResourceType
from sandbox.plugins.json_values import Json, from_json, to_json
from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import ProviderError, Resource, not_implemented
from sandbox.plugins.validation import matching, one_of, only

_SERVICE = "storage"
_CONDITION_NAMES: Mapping[str, str] = {
    "age": "age",
    "daysSinceNoncurrentTime": "daysSinceNoncurrentTime",
    "matchesPrefixes": "matchesPrefix",
    "numNewerVersions": "numNewerVersions",
}
"""The conditions of a rule that are implemented, with the API's names. ``withState`` is one more."""
_STATES: Mapping[str, bool | None] = {"ANY": None, "ARCHIVED": False, "LIVE": True}


def _same_place(old: PropertyValue, new: PropertyValue) -> bool:
    return str(old).upper() == str(new).upper()


def _same_rules(old: PropertyValue, new: PropertyValue) -> bool:
    """Compare by what the API gets, without what says nothing there."""
    return _rules_to_api(old) == _rules_to_api(new)


def _same_parts(old: PropertyValue, new: PropertyValue) -> bool:
    return _given(old) == _given(new)


def _given(value: PropertyValue) -> PropertyValue:
    return {name: part for name, part in value.items() if part} if isinstance(value, dict) else value


def _lifecycle_rules(name: str, value: PropertyValue) -> str | None:
    for rule in value if isinstance(value, list) else []:
        if not isinstance(rule, dict):
            continue
        action, condition = rule.get("action"), rule.get("condition")
        if not isinstance(action, dict) or not isinstance(condition, dict):
            return f"{name}: a rule has an action and a condition"
        if action.get("type") not in {"Delete", "AbortIncompleteMultipartUpload"} or action.keys() - {"type"}:
            return not_implemented("gcp", f"the action {action.get('type')} of {name}")
        if unknown := condition.keys() - _CONDITION_NAMES.keys() - {"withState"}:
            return not_implemented("gcp", f"{', '.join(sorted(unknown))} in a condition of {name}")
        if condition.get("withState", "ANY") not in _STATES:
            return one_of(*_STATES)(f"{name}.with_state", condition.get("withState"))
    return None


def _rules_to_api(value: PropertyValue) -> list[Json]:
    return [
        {"action": to_json(rule["action"]), "condition": dict(_conditions_to_api(rule["condition"]))}
        for rule in (value if isinstance(value, list) else [])
        if isinstance(rule, dict)
    ]


def _conditions_to_api(condition: PropertyValue) -> Iterator[tuple[str, Json]]:
    given = condition if isinstance(condition, dict) else {}
    for name, upstream in _CONDITION_NAMES.items():
        if given.get(name):
            yield upstream, to_json(given[name])
    live = _STATES[str(given.get("withState") or "ANY")]
    if live is not None:
        yield "isLive", live


def _rules_from_api(lifecycle: Json) -> list[PropertyValue]:
    rules: list[PropertyValue] = []
    for rule in objects(lifecycle.get("rule")) if isinstance(lifecycle, dict) else []:
        told = rule.get("condition")
        conditions = told if isinstance(told, dict) else {}
        live = conditions.get("isLive")
        condition: PropertyMap = {
            name: from_json(conditions[upstream])
            for name, upstream in _CONDITION_NAMES.items()
            if upstream in conditions
        }
        condition["withState"] = next(name for name, state in _STATES.items() if state == live)
        rules.append({"action": from_json(rule.get("action")), "condition": condition})
    return rules


class Bucket(GoogleResourceType):
    """A bucket; its id is its name."""

    token = "gcp:storage/bucket:Bucket"  # noqa: S105 - a type's name
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("encryption", "object", same=_same_parts),
            Property(
                "forceDestroy", "boolean", default=False, read_back=False, validators=(only(False, "gcp"),)
            ),
            Property("labels", "map"),
            Property("lifecycleRules", "objects", validators=(_lifecycle_rules,), same=_same_rules),
            Property("location", required=True, replaces=True, same=_same_place),
            Property(
                "name",
                replaces=True,
                autonamed=True,
                validators=(matching(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"),),
            ),
            PROJECT,
            Property("publicAccessPrevention", computed=True, validators=(one_of("inherited", "enforced"),)),
            Property("softDeletePolicy", "object", computed=True, same=_same_parts),
            Property("storageClass", default="STANDARD", validators=(only("STANDARD", "gcp"),)),
            Property("uniformBucketLevelAccess", "boolean", computed=True),
            Property("versioning", "object", computed=True, same=_same_parts),
        ),
        outputs=(
            "effectiveLabels",
            "projectNumber",
            "pulumiLabels",
            "selfLink",
            "timeCreated",
            "updated",
            "url",
        ),
        not_implemented=frozenset(
            {
                "autoclass",
                "cors",
                "customPlacementConfig",
                "defaultEventBasedHold",
                "deletionPolicy",
                "enableObjectRetention",
                "hierarchicalNamespace",
                "ipFilter",
                "logging",
                "requesterPays",
                "retentionPolicy",
                "rpo",
                "website",
            }
        ),
    )

    @override
    def make(self, inputs: PropertyMap) -> tuple[str, PropertyMap]:
        name = str(inputs["name"])
        body = _settings(inputs)
        if labels := effective_labels(inputs.get("labels"), {}):
            body["labels"] = to_json(labels)
        body |= {"name": name, "location": str(inputs["location"]).upper(), "storageClass": "STANDARD"}
        with failing_as(f"Error creating bucket {name}"):
            self.google.request(
                "POST",
                _SERVICE,
                "storage/v1/b",
                query={"project": self.project_of(inputs), "prettyPrint": "false"},
                body=body,
            )
        return name, {}

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        found = self.google.get_if_there(
            _SERVICE, f"storage/v1/b/{identifier}", what=f'Storage Bucket "{identifier}"'
        )
        if found is None:
            return None
        access = found.get("iamConfiguration")
        configuration = access if isinstance(access, dict) else {}
        uniform = configuration.get("uniformBucketLevelAccess")
        encryption = found.get("encryption")
        live: PropertyMap = {
            "lifecycleRules": _rules_from_api(found.get("lifecycle")),
            "location": str(found["location"]),
            "name": identifier,
            "project": state.get("project") or self.google.project,
            "projectNumber": int(str(found["projectNumber"])),
            "publicAccessPrevention": str(configuration.get("publicAccessPrevention", "")),
            "selfLink": str(found["selfLink"]),
            "softDeletePolicy": _soft_delete(found.get("softDeletePolicy")),
            "storageClass": str(found["storageClass"]),
            "timeCreated": str(found["timeCreated"]),
            "uniformBucketLevelAccess": isinstance(uniform, dict) and uniform.get("enabled") is True,
            "updated": str(found["updated"]),
            "url": f"gs://{identifier}",
            "versioning": from_json(found.get("versioning") or {"enabled": False}),
            **live_labels(texts(found.get("labels")), state),
        }
        if isinstance(encryption, dict):
            live["encryption"] = from_json(encryption)
        return live

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        body = _settings(inputs)
        if state.get("encryption") and not inputs.get("encryption"):
            body["encryption"] = None
        before = effective_labels(state.get("effectiveLabels"), {})
        after = effective_labels(inputs.get("labels"), state)
        if before != after:
            # A label that isn't told stays.
            body["labels"] = to_json({**dict.fromkeys(before), **after})
        with failing_as(f"Error updating bucket {identifier}"):
            self.google.request(
                "PATCH",
                _SERVICE,
                f"storage/v1/b/{identifier}",
                query={"prettyPrint": "false"},
                body=body,
            )

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        try:
            listed = self.google.get(
                _SERVICE, f"storage/v1/b/{identifier}/o", query={"versions": "true", "prettyPrint": "false"}
            )
            if objects(listed.get("items")):
                raise ProviderError(
                    one_error(
                        f"Error trying to delete bucket {identifier} containing objects without "
                        "`force_destroy` set to true"
                    )
                )
            self.google.request("DELETE", _SERVICE, f"storage/v1/b/{identifier}")
        except GoogleApiError as error:
            if error.status != 404:
                raise ProviderError(one_error(f"Error deleting bucket {identifier}: {error}")) from error


def _settings(inputs: PropertyMap) -> JsonObject:
    """Return what is the same in the request of a creation and of a change."""
    body: JsonObject = {"lifecycle": {"rule": _rules_to_api(inputs.get("lifecycleRules"))}}
    access: JsonObject = {}
    if isinstance(inputs.get("uniformBucketLevelAccess"), bool):
        access["uniformBucketLevelAccess"] = {"enabled": to_json(inputs["uniformBucketLevelAccess"])}
    if prevention := inputs.get("publicAccessPrevention"):
        access["publicAccessPrevention"] = to_json(prevention)
    if access:
        body["iamConfiguration"] = access
    for name in ("encryption", "versioning"):
        if given := _given(inputs.get(name)):
            body[name] = to_json(given)
    soft_delete = inputs.get("softDeletePolicy")
    if isinstance(soft_delete, dict) and soft_delete.get("retentionDurationSeconds") is not None:
        seconds = to_json(soft_delete["retentionDurationSeconds"])
        body["softDeletePolicy"] = {"retentionDurationSeconds": str(seconds)}
    return body


def _soft_delete(policy: Json) -> PropertyMap:
    seconds = policy.get("retentionDurationSeconds") if isinstance(policy, dict) else None
    return {"retentionDurationSeconds": int(str(seconds or 0))}


def _bucket(value: PropertyValue) -> str:
    return str(value).removeprefix("b/")


def _same_bucket(old: PropertyValue, new: PropertyValue) -> bool:
    return _bucket(old) == _bucket(new)


class BucketIamMember(IamMember):
    """A member of a role on a bucket, perhaps for some objects of it only."""

    token = "gcp:storage/bucketIAMMember:BucketIAMMember"  # noqa: S105
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("bucket", required=True, replaces=True, same=_same_bucket),
            Property("condition", "object", replaces=True, same=_same_parts),
            MEMBER,
            ROLE,
        ),
        outputs=("etag",),
    )

    @override
    def owner(self, state: PropertyMap) -> str:
        return f"b/{_bucket(state['bucket'])}"

    @override
    def owner_properties(self, owner: str) -> PropertyMap:
        return {"bucket": owner}

    @override
    def service(self, owner: str) -> str:
        return _SERVICE

    @override
    def described(self, owner: str) -> str:
        return f'storage bucket "{owner}"'

    @override
    def policy(self, owner: str) -> JsonObject:
        query = {"optionsRequestedPolicyVersion": str(POLICY_VERSION)}
        return self.google.get(_SERVICE, f"storage/v1/{owner}/iam", query=query)

    @override
    def set_policy(self, owner: str, policy: JsonObject) -> None:
        self.google.request("PUT", _SERVICE, f"storage/v1/{owner}/iam", body=policy)

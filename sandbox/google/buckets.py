"""The buckets of Cloud Storage, and their policies: https://cloud.google.com/storage/docs/json_api/v1/buckets.

Names are one over all of Google; here there is one project to take them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.google.accounts import timestamp
from sandbox.google.api_errors import JsonObject, not_implemented
from sandbox.google.policies import Policies
from sandbox.google.project import PROJECT_ID, PROJECT_NUMBER, STORAGE_AGENT
from sandbox.google.rest_routes import Call, Caller, Route
from sandbox.google.storage_errors import conflict, forbidden, invalid, key_refused, no_bucket

_NAME = re.compile(r"(?!goog)[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_FIELDS = frozenset(
    {
        "encryption",
        "iamConfiguration",
        "labels",
        "lifecycle",
        "location",
        "name",
        "softDeletePolicy",
        "storageClass",
        "versioning",
    }
)
"""What a bucket can be given here; null or empty parts of others say nothing."""
_SOFT_DELETE_SECONDS = "604800"


@dataclass
class StoredObject:
    """One generation of an object."""

    fields: JsonObject
    content: bytes
    live: bool = True


@dataclass
class Bucket:
    """A bucket and the objects in it, by name, the oldest generation first."""

    name: str
    created: datetime
    fields: JsonObject
    metageneration: int = 1
    objects: dict[str, list[StoredObject]] = field(default_factory=dict)

    @property
    def resource(self) -> str:
        """The name that its policy is kept by."""
        return f"projects/{PROJECT_ID}/buckets/{self.name}"

    @property
    def versioned(self) -> bool:
        """Whether former generations stay."""
        return self.fields.get("versioning", {}).get("enabled") is True

    @property
    def uniform(self) -> bool:
        """Whether IAM alone decides, and no access control lists."""
        access = self.fields["iamConfiguration"]["uniformBucketLevelAccess"]
        return access.get("enabled") is True

    @property
    def key(self) -> str:
        """The KMS key that objects are encrypted with; empty for Google's own."""
        return str(self.fields.get("encryption", {}).get("defaultKmsKeyName", ""))

    def live(self, name: str) -> StoredObject | None:
        """Return the generation of an object that a name without one means."""
        return next((one for one in reversed(self.objects.get(name, [])) if one.live), None)


@dataclass
class Buckets:
    """The API, and the buckets by name."""

    policies: Policies
    now: Callable[[], datetime]
    by_name: dict[str, Bucket] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """Return its methods."""
        all_of_them, one = "/storage/v1/b", "/storage/v1/b/{bucket=*}"
        return [
            Route("InsertBucket", "POST", all_of_them, self._insert),
            Route("GetBucket", "GET", one, self._get),
            Route("PatchBucket", "PATCH", one, self._patch),
            Route("DeleteBucket", "DELETE", one, self._delete),
            Route("GetBucketIamPolicy", "GET", f"{one}/iam", self._get_policy),
            Route("SetBucketIamPolicy", "PUT", f"{one}/iam", self._set_policy),
            Route("TestBucketIamPermissions", "GET", f"{one}/iam/testPermissions", self._test_permissions),
        ]

    def require(self, call: Call, permission: str) -> Bucket:
        """Return the bucket of a call; raises GoogleError if there is none, or the caller may not."""
        bucket = self.by_name.get(call.names["bucket"])
        if bucket is None:
            raise no_bucket()
        self.require_on(bucket, call.caller, permission)
        return bucket

    def require_on(self, bucket: Bucket, caller: Caller, permission: str, object_name: str = "") -> None:
        """Raise GoogleError if the caller may not, on the bucket or on one object of it."""
        name = f"projects/_/buckets/{bucket.name}"
        if object_name:
            name += f"/objects/{object_name}"
        if not self.policies.allows(caller.member, permission, bucket.resource, name):
            raise forbidden(caller, permission, "object" if object_name else "bucket")

    def require_key(self, key: str) -> None:
        """Raise GoogleError if Cloud Storage may not encrypt with a key; an empty one is Google's own."""
        agent = f"serviceAccount:{STORAGE_AGENT}"
        permission = "cloudkms.cryptoKeyVersions.useToEncrypt"
        if key and permission not in self.policies.test(agent, [permission], key).get("permissions", []):
            raise key_refused()

    def _insert(self, call: Call) -> JsonObject:
        project = f"projects/{call.required_query('project')}"
        if not self.policies.allows(call.caller.member, "storage.buckets.create", project):
            raise forbidden(call.caller, "storage.buckets.create", "bucket")
        name = str(call.body.get("name", ""))
        if not _NAME.fullmatch(name):
            raise invalid(f"Invalid bucket name: '{name}'")
        if name in self.by_name:
            raise conflict(
                "Your previous request to create the named bucket succeeded and you already own it."
            )
        if set(call.query) - {"project"}:
            raise not_implemented(f"A bucket with the parameters {sorted(call.query)}")
        bucket = Bucket(name, self.now(), {})
        self._change(bucket, {"location": "US", "storageClass": "STANDARD", **call.body})
        self.by_name[name] = bucket
        return self._describe(bucket)

    def _get(self, call: Call) -> JsonObject:
        return self._describe(self.require(call, "storage.buckets.get"))

    def _patch(self, call: Call) -> JsonObject:
        bucket = self.require(call, "storage.buckets.update")
        if {"location", "name"} & {name for name, value in call.body.items() if value}:
            raise invalid("The location and the name of a bucket can't be changed.")
        self._change(bucket, call.body)
        bucket.metageneration += 1
        return self._describe(bucket)

    def _delete(self, call: Call) -> JsonObject:
        bucket = self.require(call, "storage.buckets.delete")
        if bucket.objects:
            raise conflict("The bucket you tried to delete is not empty.")
        del self.by_name[bucket.name]
        self.policies.resource_deleted(bucket.resource)
        return {}

    def _change(self, bucket: Bucket, given: Mapping[str, Any]) -> None:
        """Take over what is given, field by field; null takes a field away."""
        if unknown := {name for name, value in given.items() if value} - _FIELDS:
            raise not_implemented(f"A bucket with {', '.join(sorted(unknown))}")
        fields = dict(bucket.fields)
        for name in _FIELDS & given.keys() - {"iamConfiguration", "labels"}:
            fields[name] = given[name]
        labels = {**fields.get("labels", {}), **(given.get("labels") or {})}
        fields["labels"] = {name: value for name, value in labels.items() if value is not None}
        fields["iamConfiguration"] = _access(fields.get("iamConfiguration"), given.get("iamConfiguration"))
        fields = {name: value for name, value in fields.items() if value}
        fields["location"] = str(fields["location"]).upper()
        fields.setdefault("softDeletePolicy", {"retentionDurationSeconds": _SOFT_DELETE_SECONDS})
        self.require_key(str(fields.get("encryption", {}).get("defaultKmsKeyName", "")))
        bucket.fields = fields

    def _describe(self, bucket: Bucket) -> JsonObject:
        return {
            "kind": "storage#bucket",
            "id": bucket.name,
            "selfLink": f"https://www.googleapis.com/storage/v1/b/{bucket.name}",
            "projectNumber": PROJECT_NUMBER,
            "generation": "1",
            "metageneration": str(bucket.metageneration),
            "locationType": "region",
            "timeCreated": timestamp(bucket.created),
            "updated": timestamp(bucket.created),
            "rpo": None,
            **bucket.fields,
            "name": bucket.name,
        }

    def _get_policy(self, call: Call) -> JsonObject:
        bucket = self.require(call, "storage.buckets.getIamPolicy")
        policy = self.policies.get(bucket.resource).to_json()
        wanted = int(call.query.get("optionsRequestedPolicyVersion") or 1)
        if policy["version"] > wanted:
            raise not_implemented("A policy with conditions, asked for without its version")
        return {"kind": "storage#policy", "resourceId": f"projects/_/buckets/{bucket.name}", **policy}

    def _set_policy(self, call: Call) -> JsonObject:
        bucket = self.require(call, "storage.buckets.setIamPolicy")
        bindings = call.body.get("bindings") or []
        if not bucket.uniform and any(binding.get("condition") for binding in bindings):
            raise invalid("Conditions can't be set without uniform bucket-level access.")
        public = {"allUsers", "allAuthenticatedUsers"}
        prevented = bucket.fields["iamConfiguration"]["publicAccessPrevention"] == "enforced"
        if prevented and any(public & set(binding.get("members", [])) for binding in bindings):
            raise invalid("The member bindings allUsers and allAuthenticatedUsers are not allowed.")
        policy = self.policies.replace(bucket.resource, call.body).to_json()
        return {"kind": "storage#policy", "resourceId": f"projects/_/buckets/{bucket.name}", **policy}

    def _test_permissions(self, call: Call) -> JsonObject:
        bucket = self.by_name.get(call.names["bucket"])
        if bucket is None:
            raise no_bucket()
        asked = call.required_query("permissions").split(",")
        return self.policies.test(call.caller.member, asked, bucket.resource)


def _access(before: Mapping[str, Any] | None, given: Mapping[str, Any] | None) -> JsonObject:
    """Return a bucket's access settings after a change, with Google's own choice for what nobody said."""
    former, new = before or {}, given or {}
    uniform = (
        new.get("uniformBucketLevelAccess") or former.get("uniformBucketLevelAccess") or {"enabled": False}
    )
    prevention = new.get("publicAccessPrevention") or former.get("publicAccessPrevention") or "inherited"
    return {
        "uniformBucketLevelAccess": uniform,
        "bucketPolicyOnly": uniform,
        "publicAccessPrevention": prevention,
    }

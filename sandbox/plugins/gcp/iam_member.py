"""One member of one role in the IAM policy of a resource: read, changed and written under the policy's etag.

Other bindings and members stay as they are.
"""

import http.client
import re
import threading
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.bridged_schema import Property, Schema
from sandbox.plugins.gcp.api import GoogleApiError, JsonObject, Method, objects, one_error
from sandbox.plugins.gcp.kms import KEY_FORM
from sandbox.plugins.gcp.resource_type import PROJECT, GoogleResourceType, parsed_id
from sandbox.plugins.gcp.secret_manager import REGIONAL_FORM, SECRET_FORM, regional_service
from sandbox.plugins.json_values import Json
from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import Found, ProviderError, Resource

POLICY_VERSION = 3
_CONFLICT_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0)
_MEMBER = re.compile(r".+:.+|projectOwners|projectReaders|projectWriters|allUsers|allAuthenticatedUsers")
_ACCOUNT = re.compile(r"projects/[^/]+/serviceAccounts/[^/]+")
_LOCKS: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
"""By what the policy is of: members of one policy come at once."""


def _valid_member(name: str, value: PropertyValue) -> str | None:
    if str(value).startswith("deleted"):
        return f"invalid value for {name} (Terraform does not support IAM members for deleted principals)"
    if _MEMBER.search(str(value)) is None:
        return (
            f'invalid value "{value}" for {name} (IAM members must have one of the values outlined here: '
            "https://cloud.google.com/billing/docs/reference/rest/v1/Policy#Binding)"
        )
    return None


def _service_account(name: str, value: PropertyValue) -> str | None:
    if _ACCOUNT.fullmatch(str(value)) is None:
        return f'"{name}" ("{value}") is not the name of a service account (projects/../serviceAccounts/..)'
    return None


ROLE = Property("role", required=True, replaces=True)
MEMBER = Property("member", required=True, replaces=True, validators=(_valid_member,))


class IamMember(GoogleResourceType):
    """A membership; its id is ``<resource>/<role>/<member>``, and its condition. There is no update."""

    reading: ClassVar[Method] = "GET"
    """The method of ``getIamPolicy``, which differs between APIs."""

    @abstractmethod
    def owner(self, state: PropertyMap) -> str:
        """Return what the policy is of, by its name in Google's APIs."""

    @abstractmethod
    def owner_properties(self, owner: str) -> PropertyMap:
        """Return the properties that name the policy's owner."""

    @abstractmethod
    def service(self, owner: str) -> str:
        """Return the API that the policy is asked of."""

    @abstractmethod
    def described(self, owner: str) -> str:
        """Return the owner in messages."""

    def make(self, inputs: PropertyMap) -> tuple[str, PropertyMap]:
        """Add the member."""
        owner, role, member = self.owner(inputs), str(inputs["role"]), str(inputs["member"])
        condition = _condition_of(inputs)

        def add(bindings: list[JsonObject]) -> None:
            for binding in bindings:
                if _binds(binding, role, condition):
                    members = {str(other) for other in (*_members(binding), member)}
                    binding["members"] = list[Json](sorted(members))
                    return
            bindings.append({"role": role, "members": [member], **_with(condition)})

        try:
            self._modify(owner, add)
        except ProviderError as error:
            raise ProviderError(one_error(str(error))) from error
        return "/".join((owner, role, member, *_condition_key(condition))), {}

    @override
    def read(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap
    ) -> Found | None:
        """Look for the member; an import's id, with spaces, becomes one of the usual form."""
        found = super().read(resource, identifier, state, inputs)
        if found is None:
            return None
        if state:
            return found
        return replace(found, identifier="/".join(self._parts(identifier, found.state)))

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Look for the member in the policy; an id is only taken apart on import."""
        owner, role, member = self._parts(identifier, state)
        try:
            policy = self.policy(owner)
        except GoogleApiError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            what = f'Resource "{self.described(owner)}" with IAM Member: Role "{role}" Member "{member}"'
            raise ProviderError(
                one_error(
                    f"Error when reading or editing {what}: Error retrieving IAM policy for "
                    f"{self.described(owner)}: {error}"
                )
            ) from error
        condition = _condition_of(state)
        for binding in objects(policy.get("bindings")):
            if _binds(binding, role, condition) and member in _members(binding):
                etag = str(policy.get("etag", ""))
                found: PropertyMap = {**self.owner_properties(owner), "role": role, "member": member}
                # In the program's own words, which are those of the binding.
                limited: PropertyMap = {"condition": state["condition"]} if condition else {}
                return {**found, **limited, "etag": etag}
        return None

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Do nothing: every property replaces."""

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Take the member out of the policy; a resource that is gone has taken it along."""
        owner, role, member = self._parts(identifier, state)
        condition = _condition_of(state)

        def subtract(bindings: list[JsonObject]) -> None:
            for binding in bindings:
                if _binds(binding, role, condition):
                    binding["members"] = [other for other in _members(binding) if other != member]
            bindings[:] = [binding for binding in bindings if _members(binding)]

        try:
            self._modify(owner, subtract)
        except GoogleApiError as error:
            if error.status != http.client.NOT_FOUND:
                what = f'Resource {owner} for IAM Member (role "{member}", "{role}")'
                raise ProviderError(one_error(f"Error when reading or editing {what}: {error}")) from error

    def _parts(self, identifier: str, state: PropertyMap) -> tuple[str, str, str]:
        if state:
            return self.owner(state), str(state["role"]), str(state["member"])
        parts = identifier.split()
        if len(parts) != 3:
            raise ProviderError(
                f"Wrong number of parts to Member id {parts}; expected 'resource_name role member "
                "[condition_title]'."
            )
        return parts[0], parts[1], parts[2]

    def policy(self, owner: str) -> JsonObject:
        """Read the policy."""
        # A condition makes a binding of its own, which only this version of policies shows.
        query = {"options.requestedPolicyVersion": str(POLICY_VERSION)}
        return self.google.request(
            self.reading,
            self.service(owner),
            f"v1/{owner}:getIamPolicy",
            query=query,
            body=None if self.reading == "GET" else {},
        )

    def set_policy(self, owner: str, policy: JsonObject) -> None:
        """Write the policy."""
        self.google.request("POST", self.service(owner), f"v1/{owner}:setIamPolicy", body={"policy": policy})

    def _modify(self, owner: str, modify: Callable[[list[JsonObject]], None]) -> None:
        what = self.described(owner)
        with _LOCKS[f"{self.token} {owner}"]:
            for seconds in (*_CONFLICT_SECONDS, None):
                try:
                    policy = self.policy(owner)
                except GoogleApiError as error:
                    raise GoogleApiError(
                        error.status, f"Error retrieving IAM policy for {what}: {error}"
                    ) from error
                bindings = objects(policy.get("bindings"))
                modify(bindings)
                policy.update(bindings=list[Json](bindings), version=POLICY_VERSION)
                try:
                    self.set_policy(owner, policy)
                except GoogleApiError as error:
                    text = f"Error setting IAM policy for {what}: {error}"
                    if error.status != http.client.CONFLICT:
                        raise GoogleApiError(
                            error.status, f"Error applying IAM policy for {what}: {text}"
                        ) from error
                    if seconds is None or self.google.cancelled.wait(seconds):
                        raise GoogleApiError(
                            error.status,
                            f"Error applying IAM policy to {what}: Too many conflicts.  Latest error: {text}",
                        ) from error
                else:
                    return


class CryptoKeyIamMember(IamMember):
    """A member of a role on a key."""

    token = "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember"  # noqa: S105 - a type's name
    schema: ClassVar[Schema] = Schema(
        inputs=(Property("cryptoKeyId", required=True, replaces=True), MEMBER, ROLE),
        outputs=("etag",),
        not_implemented=frozenset({"condition"}),
    )

    @override
    def owner(self, state: PropertyMap) -> str:
        parsed_id(str(state["cryptoKeyId"]), KEY_FORM)
        return str(state["cryptoKeyId"])

    @override
    def owner_properties(self, owner: str) -> PropertyMap:
        return {"cryptoKeyId": owner}

    @override
    def service(self, owner: str) -> str:
        return "cloudkms"

    @override
    def described(self, owner: str) -> str:
        return f'KMS CryptoKey "{owner}"'


class ServiceAccountIamMember(IamMember):
    """A member of a role on a service account, such as who may impersonate it."""

    token = "gcp:serviceaccount/iAMMember:IAMMember"  # noqa: S105
    reading: ClassVar[Method] = "POST"
    schema: ClassVar[Schema] = Schema(
        inputs=(
            MEMBER,
            ROLE,
            Property("serviceAccountId", required=True, replaces=True, validators=(_service_account,)),
        ),
        outputs=("etag",),
        not_implemented=frozenset({"condition"}),
    )

    @override
    def owner(self, state: PropertyMap) -> str:
        return str(state["serviceAccountId"])

    @override
    def owner_properties(self, owner: str) -> PropertyMap:
        return {"serviceAccountId": owner}

    @override
    def service(self, owner: str) -> str:
        return "iam"

    @override
    def described(self, owner: str) -> str:
        return f"service account '{owner}'"


def _same_last_part(old: PropertyValue, new: PropertyValue) -> bool:
    return str(old).rpartition("/")[2] == str(new).rpartition("/")[2]


class SecretIamMember(IamMember):
    """A member of a role on a secret of Secret Manager."""

    token = "gcp:secretmanager/secretIamMember:SecretIamMember"  # noqa: S105
    schema: ClassVar[Schema] = Schema(
        inputs=(
            MEMBER,
            PROJECT,
            ROLE,
            Property("secretId", required=True, replaces=True, same=_same_last_part),
        ),
        outputs=("etag",),
        not_implemented=frozenset({"condition"}),
    )

    @override
    def owner(self, state: PropertyMap) -> str:
        secret = str(state["secretId"])
        return secret if "/" in secret else f"projects/{self.project_of(state)}/secrets/{secret}"

    @override
    def owner_properties(self, owner: str) -> PropertyMap:
        return {"secretId": owner, "project": parsed_id(owner, SECRET_FORM)["project"]}

    @override
    def service(self, owner: str) -> str:
        return "secretmanager"

    @override
    def described(self, owner: str) -> str:
        return f'secretmanager secret "{owner}"'


class RegionalSecretIamMember(SecretIamMember):
    """A member of a role on a secret of one region."""

    token = "gcp:secretmanager/regionalSecretIamMember:RegionalSecretIamMember"  # noqa: S105
    schema: ClassVar[Schema] = Schema(
        inputs=(*SecretIamMember.schema.inputs, Property("location", replaces=True, computed=True)),
        outputs=("etag",),
        not_implemented=frozenset({"condition"}),
    )

    @override
    def owner(self, state: PropertyMap) -> str:
        secret = str(state["secretId"])
        if "/" in secret:
            return secret
        return f"projects/{self.project_of(state)}/locations/{state['location']}/secrets/{secret}"

    @override
    def owner_properties(self, owner: str) -> PropertyMap:
        parts = parsed_id(owner, REGIONAL_FORM)
        return {"secretId": owner, "project": parts["project"], "location": parts["location"]}

    @override
    def service(self, owner: str) -> str:
        return regional_service(parsed_id(owner, REGIONAL_FORM)["location"])

    @override
    def described(self, owner: str) -> str:
        return f'secretmanager regionalsecret "{owner}"'


def _condition_of(properties: PropertyMap) -> JsonObject:
    """Return a membership's condition as Google has it; empty if it has none."""
    given = properties.get("condition")
    if not isinstance(given, dict):
        return {}
    return {name: str(value) for name, value in given.items() if value}


def _condition_key(condition: JsonObject) -> Iterator[str]:
    """Yield what a condition adds to an id."""
    if condition:
        yield from (str(condition.get(name, "")) for name in ("title", "description", "expression"))


def _with(condition: JsonObject) -> JsonObject:
    return {"condition": condition} if condition else {}


def _binds(binding: JsonObject, role: str, condition: JsonObject) -> bool:
    return binding.get("role") == role and (binding.get("condition") or {}) == condition


def _members(binding: JsonObject) -> list[Json]:
    members = binding.get("members")
    return list(members) if isinstance(members, list) else []

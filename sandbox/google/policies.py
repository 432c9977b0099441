"""IAM policies: who is bound to which role on which resource, and what that lets them do.

https://cloud.google.com/iam/docs/reference/rest/v1/Policy.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.google.api_errors import GoogleError, JsonObject, not_implemented, permission_denied
from sandbox.google.project import WORKLOAD_POOL
from sandbox.google.roles import PREDEFINED_ROLES, applies_to

_MEMBER = re.compile(
    r"allUsers|allAuthenticatedUsers|(?:user|group|domain|serviceAccount|deleted|principal|principalSet):\S+"
)
_BEGINS_WITH = re.compile(r'resource\.name\.startsWith\((["\'])(?P<text>[^"\'\\]*)\1\)')
"""The one form of a condition that is implemented (https://cloud.google.com/iam/docs/conditions-overview)."""

_POOL_MEMBER = re.compile(r"serviceAccount:(?P<pool>[a-z0-9.-]+\.svc\.id\.goog)\[[^\]/]+/[^\]/]+\]")

RolePermissions = Callable[[str], frozenset[str] | None]
"""The permissions of a custom role by its name; none of one that is deleted, None if there is none."""


@dataclass(frozen=True)
class Condition:
    """What a binding's use is limited to: resources whose full name begins with a text."""

    title: str
    description: str
    expression: str

    def holds(self, name: str) -> bool:
        """Tell if a resource, by the name that conditions have for it, is one of those."""
        begins = _BEGINS_WITH.fullmatch(self.expression.strip())
        return begins is not None and name.startswith(begins["text"])

    def to_json(self) -> JsonObject:
        """Return the condition as the APIs have it."""
        described = {"description": self.description} if self.description else {}
        return {"title": self.title, **described, "expression": self.expression}


@dataclass(frozen=True)
class Binding:
    """A role and those who have it."""

    role: str
    members: tuple[str, ...]
    condition: Condition | None = None

    def to_json(self) -> JsonObject:
        """Return the binding as the APIs have it."""
        answer: JsonObject = {"role": self.role, "members": list(self.members)}
        return answer if self.condition is None else {**answer, "condition": self.condition.to_json()}


@dataclass(frozen=True)
class Policy:
    """The bindings on one resource. ``revision`` counts its changes; the etag is made of it."""

    bindings: tuple[Binding, ...] = ()
    revision: int = 0

    @property
    def etag(self) -> str:
        """In base64, as JSON has it."""
        return base64.b64encode(b"BwX" + self.revision.to_bytes(6, "big")).decode()

    def to_json(self) -> JsonObject:
        """Return the policy as the APIs answer with it."""
        conditional = any(binding.condition is not None for binding in self.bindings)
        answer: JsonObject = {"version": 3 if conditional else 1, "etag": self.etag}
        if self.bindings:
            answer["bindings"] = [binding.to_json() for binding in self.bindings]
        return answer


@dataclass
class Policies:
    """The policies of all resources, by name."""

    role_permissions: RolePermissions
    account_exists: Callable[[str], bool]
    """Whether there is a service account with this e-mail address."""
    required: set[str] = field(default_factory=set)
    """The permissions that calls needed, since somebody last cleared it."""
    _policies: dict[str, Policy] = field(default_factory=dict)
    _of_deleted_accounts: dict[str, Policy] = field(default_factory=dict)

    def get(self, resource: str) -> Policy:
        """Return the policy of a resource, which is empty until one is set."""
        return self._policies.get(resource, Policy())

    def replace(self, resource: str, policy: Mapping[str, Any]) -> Policy:
        """Set a policy as `setIamPolicy` does.

        Raises GoogleError: ABORTED if the etag is an earlier policy's; INVALID_ARGUMENT for roles and
        members that there are not.
        """
        current = self.get(resource)
        etag = policy.get("etag")
        if etag and etag != current.etag:
            raise GoogleError(
                "ABORTED",
                "There were concurrent policy changes. Please retry the whole read-modify-write with "
                "exponential backoff.",
            )
        merged: dict[tuple[str, Condition | None], list[str]] = {}
        for entry in policy.get("bindings", []):
            condition = _condition(entry.get("condition"), policy, resource)
            members = entry.get("members", [])
            self._check_role(entry.get("role", ""), resource)
            for member in members:
                self._check_member(member)
            merged.setdefault((entry["role"], condition), []).extend(members)
        bindings = tuple(
            Binding(role, tuple(dict.fromkeys(members)), condition)
            for (role, condition), members in merged.items()
            if members
        )
        self._policies[resource] = Policy(bindings, current.revision + 1)
        return self._policies[resource]

    def grant(self, resource: str, role: str, member: str) -> None:
        """Add one binding, for what is there from the beginning."""
        policy = self.get(resource)
        self._policies[resource] = Policy((*policy.bindings, Binding(role, (member,))), policy.revision + 1)

    def allows(self, member: str, permission: str, resource: str, name: str = "") -> bool:
        """Tell if a binding on the resource or on what it lies in gives a permission that a call needs.

        ``name`` is what conditions are asked about; no condition holds for a resource without one.
        """
        self.required.add(permission)
        return self._has(member, permission, resource, name)

    def _has(self, member: str, permission: str, resource: str, name: str = "") -> bool:
        everyone = {member, "allUsers", "allAuthenticatedUsers"}
        return any(
            not everyone.isdisjoint(binding.members) and permission in (self._permissions(binding.role) or ())
            for ancestor in _with_ancestors(resource)
            for binding in self.get(ancestor).bindings
            if binding.condition is None or binding.condition.holds(name)
        )

    def require(self, member: str, permission: str, resource: str) -> None:
        """Raise GoogleError (PERMISSION_DENIED) if `allows` says no."""
        if not self.allows(member, permission, resource):
            raise permission_denied(permission, resource)

    def test(self, member: str, permissions: Sequence[str], resource: str) -> JsonObject:
        """Return the answer of `testIamPermissions`: those of the permissions that the member has."""
        allowed = [permission for permission in permissions if self._has(member, permission, resource)]
        return {"permissions": allowed} if allowed else {}

    def account_deleted(self, resource: str, email: str, unique_id: str) -> None:
        """Mark the bindings of a deleted service account as such, and set its own policy aside.

        https://cloud.google.com/iam/docs/service-accounts-delete-undelete#deleting: a later account of the
        same name gets nothing of either.
        """
        self._of_deleted_accounts[unique_id] = self._policies.pop(resource, Policy())
        self._rename(f"serviceAccount:{email}", f"deleted:serviceAccount:{email}?uid={unique_id}")

    def account_restored(self, resource: str, email: str, unique_id: str) -> None:
        """Give an undeleted service account its bindings and its own policy back."""
        self._policies[resource] = self._of_deleted_accounts.pop(unique_id)
        self._rename(f"deleted:serviceAccount:{email}?uid={unique_id}", f"serviceAccount:{email}")

    def resource_deleted(self, resource: str) -> None:
        """Forget the policy of a resource that is no more."""
        self._policies.pop(resource, None)

    def _rename(self, before: str, after: str) -> None:
        for resource, policy in self._policies.items():
            if any(before in binding.members for binding in policy.bindings):
                bindings = tuple(
                    replace(
                        binding,
                        members=tuple(after if name == before else name for name in binding.members),
                    )
                    for binding in policy.bindings
                )
                self._policies[resource] = Policy(bindings, policy.revision + 1)

    def _permissions(self, role: str) -> frozenset[str] | None:
        return PREDEFINED_ROLES.get(role) or self.role_permissions(role)

    def _check_role(self, role: str, resource: str) -> None:
        permissions = self._permissions(role)
        if permissions is None and role.startswith("roles/"):
            raise not_implemented(f"The role {role}")
        if permissions is None or (permissions and not applies_to(permissions, resource)):
            raise GoogleError("INVALID_ARGUMENT", f"Role {role} is not supported for this resource.")

    def _check_member(self, member: str) -> None:
        if not isinstance(member, str) or not _MEMBER.fullmatch(member):
            raise GoogleError(
                "INVALID_ARGUMENT",
                f"The member {member} is of an unknown type. Please set a valid type prefix for the member.",
            )
        if not member.startswith("serviceAccount:"):
            return
        if workload := _POOL_MEMBER.fullmatch(member):
            if workload["pool"] != WORKLOAD_POOL:
                raise GoogleError(
                    "INVALID_ARGUMENT",
                    f"Identity Pool does not exist ({workload['pool']}). Please check that you specified a "
                    "valid resource name as returned in the `name` attribute in the configuration API.",
                )
            return
        email = member.removeprefix("serviceAccount:")
        if not self.account_exists(email):
            raise GoogleError("INVALID_ARGUMENT", f"Service account {email} does not exist.")


def _condition(given: Mapping[str, Any] | None, policy: Mapping[str, Any], resource: str) -> Condition | None:
    """Read a binding's condition. Raises GoogleError for one that isn't implemented, or not taken."""
    if not given:
        return None
    condition = Condition(
        str(given.get("title", "")), str(given.get("description", "")), str(given.get("expression", ""))
    )
    if "/buckets/" not in resource or not _BEGINS_WITH.fullmatch(condition.expression.strip()):
        raise not_implemented(f"The condition {condition.expression} in a binding on {resource}")
    if policy.get("version") != 3:
        raise GoogleError(
            "INVALID_ARGUMENT", "Policies with conditional role bindings must specify version: 3."
        )
    if not condition.title:
        raise GoogleError("INVALID_ARGUMENT", "The condition of a role binding needs a title.")
    return condition


def _with_ancestors(resource: str) -> Iterator[str]:
    parts = resource.split("/")
    for length in range(len(parts) - len(parts) % 2, 0, -2):
        yield "/".join(parts[:length])

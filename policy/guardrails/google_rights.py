"""Finds what is too wide in the roles, bindings and access controls of Google Cloud."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .resource import Resource, Unknown, entries

_WHOLE = ("gcp:projects/", "gcp:folder/", "gcp:organizations/")
_EVERYBODY = ("allUsers", "allAuthenticatedUsers")
_CONVENIENCE = ("projectOwner:", "projectEditor:", "projectViewer:")
"""Members who are whoever has a basic role in the project.

Source: https://cloud.google.com/iam/docs/reference/rest/v1/Policy and, for buckets,
https://cloud.google.com/storage/docs/access-control/iam#convenience-values."""
_PODS = (".svc.id.goog/namespace/", ".svc.id.goog/kubernetes.cluster/")
"""Sets of all pods of a namespace and of a cluster, in a pool of GKE's.

Source: https://cloud.google.com/iam/docs/principal-identifiers."""
_BASIC_ROLES = ("roles/owner", "roles/editor", "roles/viewer")
_ADMINISTERING = ("admin", "owner")
_RAISING = (
    ".setIamPolicy",
    "iam.roles.update",
    "iam.serviceAccountKeys.create",
    "iam.serviceAccounts.actAs",
    "iam.serviceAccounts.getAccessToken",
    "iam.serviceAccounts.implicitDelegation",
    "iam.serviceAccounts.signBlob",
    "iam.serviceAccounts.signJwt",
)
"""Permissions, or ends of them, by which whoever has one gets others' rights."""


def wide_on_google(resource: Resource) -> Iterator[str]:
    """Yield which rights of a resource of Google Cloud are wider than what is named."""
    kind = resource.type.rpartition(":")[2].lower()
    if kind.endswith(("iammember", "iambinding", "iampolicy")):
        if resource.type.startswith(_WHOLE):
            yield "grants a role on a whole project, folder or organization"
        for role, members in _bindings(resource, kind):
            if role is None:
                yield "its policy can't be read: it is no JSON with bindings"
            else:
                yield from _wide_binding(role, members)
    elif kind == "iamcustomrole":
        for permission in entries(resource.value("permissions")):
            if str(permission).endswith(_RAISING):
                yield "has a permission by which its holder gets the rights of others"
    elif kind.endswith(("accesscontrol", "acl")):
        yield from _open_controls(resource)


def _bindings(resource: Resource, kind: str) -> Iterator[tuple[Any, Sequence[Any]]]:
    """Yield roles with their members; None as the role of a policy that can't be read."""
    if not kind.endswith("iampolicy"):
        members = (*entries(resource.value("member")), *entries(resource.value("members")))
        yield resource.value("role"), members
        return
    document = resource.value("policyData")
    if document is None or isinstance(document, Unknown):
        return
    try:
        policy = json.loads(document)
    except (TypeError, ValueError):
        policy = None
    found = policy.get("bindings") if isinstance(policy, Mapping) else None
    for binding in entries(found) if isinstance(policy, Mapping) else (None,):
        if isinstance(binding, Mapping):
            yield str(binding.get("role")), entries(binding.get("members"))
        else:
            yield None, ()


def _wide_binding(role: Any, members: Sequence[Any]) -> Iterator[str]:
    names = [str(member) for member in members]
    if any(name in _EVERYBODY or name.endswith("/*") for name in names):
        yield "grants a role to everybody, or to all identities of a pool"
    if any(name.startswith((*_CONVENIENCE, "domain:")) for name in names):
        yield "grants a role to a whole domain, or to whoever has a basic role in a project"
    if any(part in name for name in names for part in _PODS):
        yield "grants a role to all pods of a namespace or cluster, and not to one service account"
    if isinstance(role, str) and (role in _BASIC_ROLES or role.lower().endswith(_ADMINISTERING)):
        yield "grants a basic role, or one that administers"


def _open_controls(resource: Resource) -> Iterator[str]:
    entities = [*entries(resource.value("entity")), *entries(resource.value("roleEntities"))]
    predefined = str(resource.value("predefinedAcl") or resource.value("defaultAcl") or "").lower()
    if any(str(entity).rpartition(":")[2] in _EVERYBODY for entity in entities) or predefined.startswith(
        ("public", "authenticated")
    ):
        yield "opens a bucket or its objects to everybody"

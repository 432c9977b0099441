"""Builds the statements for the roles that the stack creates with their policies.

They are parts of the policies in `permissions/aws.py`, with the same sources.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.aws.policies import Condition, Statement, allow
from components.permissions.aws_arns import OwnRoleScope

ROLE_READS = (
    "iam:GetRole",  # the role, its trust policy, boundary and tags
    "iam:GetRolePolicy",  # an inline policy that was added by hand
    "iam:ListAttachedRolePolicies",  # the attachment, and other policies attached to the role
    "iam:ListRolePolicies",  # the names of inline policies
)

POLICY_READS = (
    "iam:GetPolicy",  # the role's policy and its tags
    "iam:GetPolicyVersion",  # the document in its current version
)

POLICY_WRITES = (
    "iam:CreatePolicy",
    "iam:CreatePolicyVersion",  # a new document is a new version
    "iam:DeletePolicyVersion",  # the oldest one is deleted, as there are five at most
    "iam:ListPolicyVersions",  # to find the oldest one
    "iam:UntagPolicy",  # a tag that the settings no longer have
)

ROLE_WRITES = (
    "iam:UntagRole",  # a tag that the settings no longer have
    "iam:UpdateAssumeRolePolicy",  # another namespace or service account
)

POLICY_DELETION = (
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",  # a policy is deleted after its older versions
    "iam:ListPolicyVersions",  # to find them
)

ROLE_DELETION = (
    "iam:DeleteRole",
    "iam:ListAttachedRolePolicies",  # if a refresh has recorded attached policies
    "iam:ListInstanceProfilesForRole",  # before every deletion of a role
)


@dataclass(frozen=True)
class MadeRole:
    """A role that the stack creates."""

    arn: str
    own: OwnRoleScope
    whose: str = ""
    """What the names of its own statements have in them, as a document has each name once."""


def role_reads(roles: Sequence[MadeRole]) -> Sequence[Statement]:
    """Return the statements that read roles, policies and attachments."""
    if not roles:
        return ()
    return (
        allow("ReadRole", ROLE_READS, one_or_all([role.arn for role in roles])),
        allow("ReadPolicy", POLICY_READS, one_or_all([role.own.policy_arn for role in roles])),
    )


def role_writes(roles: Sequence[MadeRole], *, tagged: bool) -> Sequence[Statement]:
    """Return the statements for roles, policies and attachments; ``tagged`` if the settings have any tag.

    All of a stack's roles have the same boundary. Each gets its own policy alone.
    """
    if not roles:
        return ()
    boundary = roles[0].own.permissions_boundary
    bounded = {"iam:PermissionsBoundary": boundary} if boundary else {}
    # The boundary of an earlier setting is replaced or removed.
    boundary_change = "iam:PutRolePermissionsBoundary" if boundary else "iam:DeleteRolePermissionsBoundary"
    tag_role, tag_policy = (("iam:TagRole",), ("iam:TagPolicy",)) if tagged else ((), ())
    arns = one_or_all([role.arn for role in roles])
    policies = one_or_all([role.own.policy_arn for role in roles])
    return (
        allow("CreateRole", ["iam:CreateRole", boundary_change], arns, _arn_equals(bounded)),
        allow("ChangeRole", [*ROLE_WRITES, *tag_role], arns),
        *(
            allow(
                f"Attach{role.whose}RolePolicy",
                ["iam:AttachRolePolicy"],
                role.arn,
                _arn_equals({"iam:PolicyARN": role.own.policy_arn, **bounded}),
            )
            for role in roles
        ),
        allow("WritePolicy", [*POLICY_WRITES, *tag_policy], policies),
    )


def role_deletion(roles: Sequence[MadeRole]) -> Sequence[Statement]:
    """Return the statements that delete attachments, policies and roles."""
    if not roles:
        return ()
    return (
        *(
            allow(
                f"Detach{role.whose}RolePolicy",
                ["iam:DetachRolePolicy"],
                role.arn,
                _arn_equals({"iam:PolicyARN": role.own.policy_arn}),
            )
            for role in roles
        ),
        allow("DeletePolicy", POLICY_DELETION, one_or_all([role.own.policy_arn for role in roles])),
        allow("DeleteRole", ROLE_DELETION, one_or_all([role.arn for role in roles])),
    )


def one_or_all(arns: Sequence[str]) -> str | Sequence[str]:
    """Return ARNs as a statement's resource."""
    return arns[0] if len(arns) == 1 else arns


def _arn_equals(values: Mapping[str, str]) -> Condition | None:
    return {"ArnEquals": values} if values else None

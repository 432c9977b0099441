"""Whether policies allow a request: IAM's evaluation within one account, as pure functions.

Sources:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html and, for keys,
https://docs.aws.amazon.com/kms/latest/developerguide/policy-evaluation.html. The wording of refusals is that
of https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from sandbox.aws.account import ACCOUNT_ID, iam_arn
from sandbox.aws.policy_conditions import (
    ContextValue,
    UnsupportedPolicyError,
    condition_holds,
    matches_pattern,
)
from sandbox.aws.policy_document import PolicyDocument, Principals, Statement

PolicyKind = Literal["identity-based policy", "permissions boundary", "resource-based policy"]


@dataclass(frozen=True)
class Caller:
    """Who makes a request.

    ``arn`` is what AWS shows: of a user, or of a role's session
    (``arn:aws:sts::...:assumed-role/role/session``); ``entity_arn`` and ``entity_id`` are those of the IAM
    user or role itself, which policies are attached to.
    """

    kind: Literal["User", "AssumedRole"]
    arn: str
    entity_arn: str
    entity_id: str
    user_id: str


@dataclass(frozen=True)
class AccessRequest:
    """One action on one resource.

    ``resource`` is ``*`` for an action without resources, and None if the sandbox does not know which
    resource AWS takes: then only statements on every resource can be evaluated. ``context`` maps condition
    keys in lower case to the request's value or values, or to None for a key that such a request does not
    have.
    """

    action: str
    resource: str | None
    context: Mapping[str, ContextValue]


@dataclass(frozen=True)
class Denial:
    """Why a request is refused: by a statement (``explicit``), or for want of one that allows it."""

    policy: PolicyKind
    explicit: bool

    def reason(self, action: str) -> str:
        """Return the end of AWS's sentence "User ... is not authorized to perform ... on resource ..."."""
        if self.explicit:
            article = "an" if self.policy == "identity-based policy" else "a"
            return f"with an explicit deny in {article} {self.policy}"
        return f"because no {self.policy} allows the {action} action"


class _Grant(Enum):
    """How a statement of a resource policy names the caller."""

    NONE = auto()
    ACCOUNT = auto()
    ROLE = auto()
    USER_OR_SESSION = auto()


def identity_denial(
    request: AccessRequest, identity: Sequence[PolicyDocument], boundary: PolicyDocument | None
) -> Denial | None:
    """Evaluate a request to a service without resource policies; None is permission.

    ``identity`` are all policies attached to or inline in the user or role; ``boundary`` is its permissions
    boundary, None if there is none. Raises UnsupportedPolicyError if a statement that may decide
    has a condition or resource that cannot be evaluated here.
    """
    return _explicit_denial(request, identity, boundary) or _missing_permission(request, identity, boundary)


def key_denial(
    request: AccessRequest,
    caller: Caller,
    identity: Sequence[PolicyDocument],
    boundary: PolicyDocument | None,
    key_policy: PolicyDocument,
    principal_ids: Mapping[str, str],
) -> Denial | None:
    """Evaluate a request to use or manage a KMS key; None is permission.

    The key policy must allow it: by naming the user, role or session, which suffices, or by naming the
    account, which only lets the identity policies decide. A role named by the policy stays within its
    permissions boundary. ``principal_ids`` maps the users and roles that the policy named to the ids that
    they had when it was set: like AWS, a policy does not apply to a namesake made later.
    """
    denial = _explicit_denial(request, identity, boundary)
    if denial is not None:
        return denial
    grants = _resource_grants(request, caller, key_policy, principal_ids, "Deny")
    if any(grant is not _Grant.NONE for grant in grants):
        return Denial("resource-based policy", explicit=True)
    allowed = _resource_grants(request, caller, key_policy, principal_ids, "Allow")
    if _Grant.USER_OR_SESSION in allowed:
        return None
    if _Grant.ROLE in allowed:
        if boundary is None or _any_statement(request, [boundary], "Allow"):
            return None
        return Denial("permissions boundary", explicit=False)
    if _Grant.ACCOUNT in allowed:
        return _missing_permission(request, identity, boundary)
    return Denial("resource-based policy", explicit=False)


def secret_denial(
    request: AccessRequest,
    caller: Caller,
    identity: Sequence[PolicyDocument],
    boundary: PolicyDocument | None,
    resource_policy: PolicyDocument,
    principal_ids: Mapping[str, str],
) -> Denial | None:
    """Evaluate a request to a secret that has a resource policy; None is permission.

    Either kind of policy suffices, as everywhere but in KMS; a resource policy that names the account leaves
    it to the identity policies. ``principal_ids`` as for :func:`key_denial`. Source:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html.
    """
    denial = _explicit_denial(request, identity, boundary)
    if denial is not None:
        return denial
    if _resource_grants(request, caller, resource_policy, principal_ids, "Deny"):
        return Denial("resource-based policy", explicit=True)
    allowed = _resource_grants(request, caller, resource_policy, principal_ids, "Allow")
    if _Grant.USER_OR_SESSION in allowed:
        return None
    if _Grant.ROLE in allowed and (boundary is None or _any_statement(request, [boundary], "Allow")):
        return None
    return _missing_permission(request, identity, boundary)


def web_identity_allowed(
    trust_policy: PolicyDocument, provider_arn: str, context: Mapping[str, ContextValue]
) -> bool:
    """Tell if a role's trust policy allows AssumeRoleWithWebIdentity to an OIDC provider's identity."""
    return _trusts(
        trust_policy,
        "sts:AssumeRoleWithWebIdentity",
        lambda principals: provider_arn in principals.federated,
        context,
    )


def service_allowed(
    trust_policy: PolicyDocument,
    service: str,
    actions: Sequence[str],
    context: Mapping[str, ContextValue],
) -> bool:
    """Tell if a role's trust policy allows every one of these actions to an AWS service."""
    return all(
        _trusts(trust_policy, action, lambda principals: service in principals.service, context)
        for action in actions
    )


def _trusts(
    trust_policy: PolicyDocument,
    action: str,
    names: Callable[[Principals], bool],
    context: Mapping[str, ContextValue],
) -> bool:
    applying = [
        statement.effect
        for statement in trust_policy.statements
        if statement.principals is not None
        and (statement.principals.anyone or names(statement.principals))
        and _action_matches(statement, action)
        and all(condition_holds(condition, context) for condition in statement.conditions)
    ]
    return "Allow" in applying and "Deny" not in applying


def _explicit_denial(
    request: AccessRequest, identity: Sequence[PolicyDocument], boundary: PolicyDocument | None
) -> Denial | None:
    if _any_statement(request, identity, "Deny"):
        return Denial("identity-based policy", explicit=True)
    if boundary is not None and _any_statement(request, [boundary], "Deny"):
        return Denial("permissions boundary", explicit=True)
    return None


def _missing_permission(
    request: AccessRequest, identity: Sequence[PolicyDocument], boundary: PolicyDocument | None
) -> Denial | None:
    if not _any_statement(request, identity, "Allow"):
        return Denial("identity-based policy", explicit=False)
    if boundary is not None and not _any_statement(request, [boundary], "Allow"):
        return Denial("permissions boundary", explicit=False)
    return None


def _any_statement(
    request: AccessRequest, policies: Iterable[PolicyDocument], effect: Literal["Allow", "Deny"]
) -> bool:
    return any(
        statement.effect == effect and _applies(statement, request)
        for policy in policies
        for statement in policy.statements
    )


def _resource_grants(
    request: AccessRequest,
    caller: Caller,
    resource_policy: PolicyDocument,
    principal_ids: Mapping[str, str],
    effect: Literal["Allow", "Deny"],
) -> list[_Grant]:
    return [
        grant
        for statement in resource_policy.statements
        if statement.effect == effect and statement.principals is not None
        for grant in [_grant(statement.principals, caller, principal_ids)]
        if grant is not _Grant.NONE and _applies(statement, request)
    ]


def _grant(principals: Principals, caller: Caller, principal_ids: Mapping[str, str]) -> _Grant:
    if caller.kind == "AssumedRole" and caller.arn in principals.aws:
        return _Grant.USER_OR_SESSION
    named = caller.entity_arn in principals.aws and principal_ids.get(caller.entity_arn) == caller.entity_id
    if named or principals.anyone:
        return _Grant.USER_OR_SESSION if caller.kind == "User" else _Grant.ROLE
    if iam_arn("root") in principals.aws or ACCOUNT_ID in principals.aws:
        return _Grant.ACCOUNT
    return _Grant.NONE


def _applies(statement: Statement, request: AccessRequest) -> bool:
    return (
        _action_matches(statement, request.action)
        and _resource_matches(statement, request)
        and all(condition_holds(condition, request.context) for condition in statement.conditions)
    )


def _action_matches(statement: Statement, action: str) -> bool:
    # Actions are compared without regard to case, resources with.
    patterns = statement.actions or statement.not_actions
    matched = any(matches_pattern(pattern.lower(), action.lower()) for pattern in patterns)
    return matched != bool(statement.not_actions)


def _resource_matches(statement: Statement, request: AccessRequest) -> bool:
    patterns = statement.resources or statement.not_resources
    if "*" in patterns:
        return bool(statement.resources)
    if any("${" in pattern for pattern in patterns):
        raise UnsupportedPolicyError(f"policy variables are not implemented: Resource {', '.join(patterns)}")
    if request.resource is None:
        raise UnsupportedPolicyError(
            f"the resource of {request.action} is not known, so only Resource * can be evaluated"
        )
    matched = any(matches_pattern(pattern, request.resource) for pattern in patterns)
    return matched != bool(statement.not_resources)

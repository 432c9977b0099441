"""STS AssumeRole: a caller's own credentials for a role's temporary ones.

Rules and errors: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from sandbox.aws import moto_state
from sandbox.aws.callers import Callers, TemporaryCredentials, permissions, session_arn
from sandbox.aws.error_responses import access_denied, not_implemented
from sandbox.aws.policy_conditions import ContextValue
from sandbox.aws.policy_document import PolicyDocument, parse_policy
from sandbox.aws.policy_evaluation import AccessRequest, Caller, key_denial
from sandbox.aws.request_context import ServiceRequest
from sandbox.aws.web_identity import (
    DEFAULT_SESSION_SECONDS,
    credentials_xml,
    duration_seconds,
    required_session_name,
)

ACTION = "sts:AssumeRole"
_NOT_IMPLEMENTED = ("Policy", "SerialNumber", "SourceIdentity", "TokenCode")
_NOT_IMPLEMENTED_LISTS = ("PolicyArns", "ProvidedContexts", "Tags", "TransitiveTagKeys")


def assume_role(
    call: ServiceRequest,
    caller: Caller,
    callers: Callers,
    context: Mapping[str, ContextValue],
    now: datetime,
) -> TemporaryCredentials:
    """Issue credentials of a role whose trust policy and whose caller's own policies allow it.

    A trust policy is evaluated as a key's: without its permission there is none, and if it names the account
    the caller's policies decide. Raises AwsError with AWS's code and text.
    """
    for name in (*_NOT_IMPLEMENTED, *_NOT_IMPLEMENTED_LISTS):
        if call.has_list(name) if name in _NOT_IMPLEMENTED_LISTS else call.text(name) is not None:
            raise not_implemented(call.protocol, f"The parameter {name} of AssumeRole")
    role_arn = call.required_text("RoleArn")
    session_name = required_session_name(call)
    role = moto_state.find_role(role_arn.rpartition("/")[2])
    held = permissions(caller)
    request = AccessRequest(
        ACTION,
        role_arn,
        {**context, "sts:externalid": call.text("ExternalId"), "sts:rolesessionname": session_name},
    )
    if role is None or role.arn != role_arn:
        raise access_denied(call.protocol, caller.arn, ACTION, role_arn)
    trust_policy = _on_the_role(parse_policy(role.assume_role_policy_document))
    # moto doesn't keep which user or role a trust policy meant by a name when it was set.
    principal_ids = {caller.entity_arn: caller.entity_id}
    if key_denial(request, caller, held.identity, held.boundary, trust_policy, principal_ids) is not None:
        raise access_denied(call.protocol, caller.arn, ACTION, role_arn)
    seconds = duration_seconds(call, int(role.max_session_duration or DEFAULT_SESSION_SECONDS))
    return callers.issue(role, session_name, timedelta(seconds=seconds), now)


def assumed_role_xml(credentials: TemporaryCredentials) -> str:
    """Return the answer of a successful call, on the wire."""
    return (
        '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
        "<AssumedRoleUser>"
        f"<AssumedRoleId>{credentials.role_id}:{credentials.session_name}</AssumedRoleId>"
        f"<Arn>{session_arn(credentials.role_name, credentials.session_name)}</Arn>"
        "</AssumedRoleUser>"
        f"{credentials_xml(credentials)}"
        f"</AssumeRoleResult><ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"
        "</AssumeRoleResponse>"
    )


def _on_the_role(trust_policy: PolicyDocument) -> PolicyDocument:
    """Return a trust policy, whose statements name no resource, with the role as the resource of each."""
    return PolicyDocument(tuple(replace(each, resources=("*",)) for each in trust_policy.statements))

"""Who may call: users by their access keys, roles by the temporary credentials that were issued for them."""

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from moto.iam.models import Role, User

from sandbox.aws import moto_state
from sandbox.aws.account import ACCOUNT_ID, PARTITION
from sandbox.aws.error_responses import Protocol, expired_credentials, missing_authentication, unknown_caller
from sandbox.aws.policy_conditions import ContextValue
from sandbox.aws.policy_document import PolicyDocument, parse_policy
from sandbox.aws.policy_evaluation import Caller
from sandbox.aws.request_context import ServiceRequest
from sandbox.aws.signature import HttpRequest, verify_signature

CREDENTIAL_ALPHABET = string.ascii_letters + string.digits + "+/"


@dataclass(frozen=True)
class TemporaryCredentials:
    """Credentials of a role's session, and whose they are."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: datetime
    role_name: str
    role_id: str
    session_name: str


@dataclass(frozen=True)
class Permissions:
    """The policies that belong to a caller's user or role."""

    identity: tuple[PolicyDocument, ...]
    boundary: PolicyDocument | None


class Callers:
    """Issues temporary credentials and tells who signed a request."""

    def __init__(self) -> None:
        self._sessions: dict[str, TemporaryCredentials] = {}

    def issue(
        self, role: Role, session_name: str, duration: timedelta, now: datetime
    ) -> TemporaryCredentials:
        """Make credentials for a session of a role, and forget those that ended."""
        self._sessions = {key: session for key, session in self._sessions.items() if session.expiration > now}
        credentials = TemporaryCredentials(
            access_key_id="ASIA"
            + "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(16)),
            secret_access_key=_random(40),
            session_token=_random(356),
            expiration=now + duration,
            role_name=role.name,
            role_id=role.id,
            session_name=session_name,
        )
        self._sessions[credentials.access_key_id] = credentials
        return credentials

    def authenticate(self, call: ServiceRequest, request: HttpRequest, now: datetime) -> Caller:
        """Return the caller whose secret signed the request.

        Raises AwsError for a missing or wrong signature, an unknown or inactive access key,
        a missing or wrong session token, and expired credentials.
        """
        authorization = call.authorization
        if authorization is None:
            raise missing_authentication(call.protocol)
        session = self._sessions.get(authorization.access_key_id)
        if session is not None:
            token = request.headers.get("x-amz-security-token", "")
            if not secrets.compare_digest(token, session.session_token):
                raise unknown_caller(call.protocol)
            verify_signature(request, authorization, session.secret_access_key, call.protocol, now)
            if session.expiration <= now:
                raise expired_credentials(call.protocol)
            return _session_caller(session, call.protocol)
        key = moto_state.find_access_key(authorization.access_key_id)
        if key is None or not key.active or "x-amz-security-token" in request.headers:
            raise unknown_caller(call.protocol)
        verify_signature(request, authorization, key.secret_access_key, call.protocol, now)
        user = moto_state.iam().get_user(key.user_name)
        return Caller("User", user.arn, user.arn, user.id, user.id)


def session_arn(role_name: str, session_name: str) -> str:
    """Return the ARN of a role's session; it has the role's name without its path."""
    return f"arn:{PARTITION}:sts::{ACCOUNT_ID}:assumed-role/{role_name}/{session_name}"


def permissions(caller: Caller) -> Permissions:
    """Return a caller's policies. Raises MalformedPolicyError for a policy that the sandbox cannot read."""
    entity = _entity(caller)
    boundary = _boundary(entity) if isinstance(entity, Role) else None
    return Permissions(tuple(parse_policy(text) for text in moto_state.policy_documents(entity)), boundary)


def condition_context(caller: Caller, call: ServiceRequest) -> Mapping[str, ContextValue]:
    """Return the condition keys that every request of a service has, in lower case.

    What depends on the operation is with its targets (see ``access_targets``). None stands for keys that
    direct requests by users and sessions of this account do not have. See
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html.
    """
    context: dict[str, ContextValue] = {
        "aws:principalarn": caller.entity_arn,
        "aws:principalaccount": ACCOUNT_ID,
        "aws:principaltype": caller.kind,
        "aws:principalorgid": None,
        "aws:userid": caller.user_id,
        "aws:username": caller.entity_arn.rpartition("/")[2] if caller.kind == "User" else None,
        "aws:requestedregion": call.region,
        "aws:securetransport": "true" if call.secure else "false",
        "aws:multifactorauthpresent": None,
        "aws:sourceaccount": None,
        "aws:sourcearn": None,
        "aws:viaawsservice": "false",
    }
    if call.service == "kms":
        context |= {"kms:calleraccount": ACCOUNT_ID, "kms:resourcealiases": (), "kms:viaservice": None}
    return context


def _session_caller(session: TemporaryCredentials, protocol: Protocol) -> Caller:
    role = moto_state.find_role(session.role_name)
    # A role made anew under the same name is another role; the session ended with the first.
    if role is None or role.id != session.role_id:
        raise unknown_caller(protocol)
    return Caller(
        "AssumedRole",
        session_arn(role.name, session.session_name),
        role.arn,
        role.id,
        f"{role.id}:{session.session_name}",
    )


def _entity(caller: Caller) -> Role | User:
    name = caller.entity_arn.rpartition("/")[2]
    return moto_state.iam().get_user(name) if caller.kind == "User" else moto_state.iam().get_role(name)


def _boundary(role: Role) -> PolicyDocument | None:
    if role.permissions_boundary_arn is None:
        return None
    return parse_policy(
        moto_state.default_version(moto_state.iam().managed_policies[role.permissions_boundary_arn])
    )


def _random(length: int) -> str:
    return "".join(secrets.choice(CREDENTIAL_ALPHABET) for _ in range(length))

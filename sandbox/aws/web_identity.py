"""STS AssumeRoleWithWebIdentity: a pod's token for a role's temporary credentials.

Rules and errors: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html;
condition keys: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html.
"""

import base64
import binascii
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from sandbox.aws import moto_state
from sandbox.aws.callers import Callers, TemporaryCredentials, session_arn
from sandbox.aws.error_responses import AwsError, not_implemented
from sandbox.aws.moto_state import IdentityProvider
from sandbox.aws.policy_document import PolicyDocument, parse_policy
from sandbox.aws.policy_evaluation import web_identity_allowed
from sandbox.aws.request_context import ServiceRequest

LOGGER = logging.getLogger(__name__)

SHORTEST_SESSION_SECONDS = 900
DEFAULT_SESSION_SECONDS = 3600
INVALID_TOKEN = (
    "The web identity token that was passed could not be validated by AWS. Get a new identity token from the "  # noqa: S105 no password
    "identity provider and then retry the request."
)


@dataclass(frozen=True)
class WebIdentityClaims:
    """The claims of a verified token that AWS looks at."""

    issuer: str
    subject: str
    audience: str
    pod_name: str | None = None
    """The pod that the token is bound to, if it is bound to one."""
    pod_uid: str | None = None

    @property
    def service_account(self) -> tuple[str, str]:
        """Namespace and name of the service account that is the subject."""
        _, _, namespace, name = self.subject.split(":")
        return namespace, name


@dataclass(frozen=True)
class WebIdentitySession:
    """What a successful call answers with."""

    claims: WebIdentityClaims
    provider_arn: str
    role_id: str
    credentials: TemporaryCredentials


def assume_role_with_web_identity(
    call: ServiceRequest, issuer_keys: Mapping[str, RSAKey], callers: Callers, now: datetime
) -> WebIdentitySession:
    """Verify the token and the role's trust in it, then issue credentials.

    ``issuer_keys`` are the public keys of token issuers by URL, which AWS would fetch from them.
    Raises AwsError with AWS's code and text.
    """
    for name in ("Policy", "ProviderId"):
        if call.text(name) is not None:
            raise not_implemented(call.protocol, f"The parameter {name} of AssumeRoleWithWebIdentity")
    if call.has_list("PolicyArns"):
        raise not_implemented(call.protocol, "The parameter PolicyArns of AssumeRoleWithWebIdentity")
    role_arn = call.required_text("RoleArn")
    session_name = required_session_name(call)
    token = call.required_text("WebIdentityToken")
    provider = find_provider(token)
    claims = verify_token(token, provider, issuer_keys.get(provider.issuer), now)
    role = moto_state.find_role(role_arn.rpartition("/")[2])
    if role is None or role.arn != role_arn:
        LOGGER.warning("there is no role %s for %s", role_arn, claims.subject)
        raise not_authorized()
    if not trust_allows(parse_policy(role.assume_role_policy_document), provider, claims):
        LOGGER.warning(
            "role %s does not trust %s with audience %s", role_arn, claims.subject, claims.audience
        )
        raise not_authorized()
    duration = duration_seconds(call, int(role.max_session_duration or DEFAULT_SESSION_SECONDS))
    credentials = callers.issue(role, session_name, timedelta(seconds=duration), now)
    return WebIdentitySession(claims, provider.arn, role.id, credentials)


def not_authorized() -> AwsError:
    """AWS's one answer to a role that does not exist and to one that does not trust the token."""
    return AwsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)


def find_provider(token: str) -> IdentityProvider:
    """Find the account's OIDC provider for the issuer that a token names, before anything in it is believed.

    Raises AwsError (InvalidIdentityToken) for text that is no JSON web token and for an unknown issuer.
    """
    try:
        payload = token.split(".")[1]
        claims: object = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, binascii.Error, ValueError) as error:
        raise AwsError(
            "InvalidIdentityToken",
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
        ) from error
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    provider = moto_state.find_identity_provider(issuer) if isinstance(issuer, str) else None
    if provider is None:
        raise AwsError(
            "InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {issuer}"
        )
    return provider


def verify_token(
    token: str, provider: IdentityProvider, key: RSAKey | None, now: datetime
) -> WebIdentityClaims:
    """Check a token's signature, times and audience.

    ``key`` is the issuer's public key, None if the issuer does not answer. Raises AwsError:
    ExpiredTokenException for a token past its end, InvalidIdentityToken for all else.
    """
    if key is None:
        raise AwsError(
            "InvalidIdentityToken",
            "Couldn't retrieve verification key from your identity provider,  please reference "
            "AssumeRoleWithWebIdentity documentation for requirements",
        )
    try:
        claims = jwt.decode(token, key, algorithms=["RS256"]).claims
    except (JoseError, ValueError) as error:
        raise AwsError("InvalidIdentityToken", INVALID_TOKEN) from error
    expiry, subject = claims.get("exp"), claims.get("sub")
    not_before = max(_seconds(claims.get("nbf", 0)), _seconds(claims.get("iat")))
    if _seconds(expiry) <= now.timestamp():
        raise AwsError(
            "ExpiredTokenException",
            f"Token expired: current date/time {int(now.timestamp())} must be before the expiration "
            f"date/time {expiry}",
        )
    if not_before > now.timestamp() + 60 or not isinstance(subject, str):
        raise AwsError("InvalidIdentityToken", INVALID_TOKEN)
    audiences = claims.get("aud")
    if isinstance(audiences, str):
        audiences = [audiences]
    # With several audiences AWS wants to know the one meant ("azp"), which service-account tokens do not
    # tell.
    if not isinstance(audiences, list) or len(audiences) != 1 or audiences[0] not in provider.client_ids:
        raise AwsError("InvalidIdentityToken", "Incorrect token audience")
    kubernetes = claims.get("kubernetes.io")
    pod = kubernetes.get("pod") if isinstance(kubernetes, dict) else None
    name, uid = (pod.get("name"), pod.get("uid")) if isinstance(pod, dict) else (None, None)
    return WebIdentityClaims(provider.issuer, subject, str(audiences[0]), name, uid)


def trust_allows(trust_policy: PolicyDocument, provider: IdentityProvider, claims: WebIdentityClaims) -> bool:
    """Tell if a role's trust policy lets the holder of these claims assume it."""
    name = provider.issuer.removeprefix("https://").lower()
    context = {
        f"{name}:sub": claims.subject,
        f"{name}:aud": claims.audience,
        "aws:federatedprovider": provider.arn,
    }
    return web_identity_allowed(trust_policy, provider.arn, context)


def session_xml(session: WebIdentitySession, request_id: str) -> str:
    """Return the answer of a successful call, on the wire."""
    credentials = session.credentials
    return (
        '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        "<AssumeRoleWithWebIdentityResult>"
        f"<Audience>{escape(session.claims.audience)}</Audience>"
        "<AssumedRoleUser>"
        f"<AssumedRoleId>{session.role_id}:{credentials.session_name}</AssumedRoleId>"
        f"<Arn>{session_arn(credentials.role_name, credentials.session_name)}</Arn>"
        "</AssumedRoleUser>"
        f"<Provider>{session.provider_arn}</Provider>"
        f"{credentials_xml(credentials)}"
        f"<SubjectFromWebIdentityToken>{escape(session.claims.subject)}</SubjectFromWebIdentityToken>"
        "</AssumeRoleWithWebIdentityResult>"
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        "</AssumeRoleWithWebIdentityResponse>"
    )


def required_session_name(call: ServiceRequest) -> str:
    """Return the session's name in a request; raises AwsError for one that STS doesn't take."""
    session_name = call.required_text("RoleSessionName")
    if re.fullmatch(r"[\w+=,.@-]{2,64}", session_name, re.ASCII) is None:
        raise AwsError(
            "ValidationError",
            f"1 validation error detected: Value '{session_name}' at 'roleSessionName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
        )
    return session_name


def credentials_xml(credentials: TemporaryCredentials) -> str:
    """Return temporary credentials, on the wire."""
    return (
        "<Credentials>"
        f"<AccessKeyId>{credentials.access_key_id}</AccessKeyId>"
        f"<SecretAccessKey>{credentials.secret_access_key}</SecretAccessKey>"
        f"<SessionToken>{credentials.session_token}</SessionToken>"
        f"<Expiration>{credentials.expiration.strftime('%Y-%m-%dT%H:%M:%SZ')}</Expiration>"
        "</Credentials>"
    )


def duration_seconds(call: ServiceRequest, longest: int) -> int:
    """Return how long a session is to last; raises AwsError for more than ``longest`` and for too little."""
    text = call.text("DurationSeconds") or str(DEFAULT_SESSION_SECONDS)
    if not text.isdecimal() or int(text) < SHORTEST_SESSION_SECONDS:
        raise AwsError(
            "ValidationError",
            f"1 validation error detected: Value '{text}' at 'durationSeconds' failed to satisfy constraint: "
            f"Member must have value greater than or equal to {SHORTEST_SESSION_SECONDS}",
        )
    if int(text) > longest:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    return int(text)


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AwsError("InvalidIdentityToken", INVALID_TOKEN)
    return float(value)

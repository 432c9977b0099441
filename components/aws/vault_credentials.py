"""Gets the credentials of Vault's role in the same way as Vault's pods: with a service account token."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as AwsConnectionError
from botocore.parsers import ResponseParserError

from components.aws.policies import WEB_IDENTITY_AUDIENCE
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.seal_preflight import SettlingError

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_sts.type_defs import CredentialsTypeDef

ASSUME_ROLE = "sts:AssumeRoleWithWebIdentity"
_TOKEN_SECONDS = 600
_SESSION_SECONDS = 900
"""The minimum of STS. Source: STS's reference on AssumeRoleWithWebIdentity, DurationSeconds."""
_RENEWAL = timedelta(minutes=5)

# Retryable, as IAM's changes are eventually consistent: they reach every part of AWS only after a while.
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
_IDENTITY_REFUSED = frozenset({"IDPCommunicationError", "InvalidIdentityToken"})
_STALE = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)
_MISSING = frozenset({"NotFoundException"})
_BUSY = frozenset({"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"})
_SETTLING = _DENIED | _IDENTITY_REFUSED | _STALE | _MISSING | _BUSY


class AwsCallError(SettlingError):
    """A call that AWS refused or didn't answer."""


@dataclass(frozen=True)
class VaultIdentity:
    """The role of Vault's pods and the service account that assumes it."""

    role_arn: str
    region: str
    service_account: str
    target: KubernetesTarget
    """Cluster and namespace of the service account."""


class VaultRoleSession:
    """A session of Vault's role, renewed before it expires. Credentials and token stay in memory."""

    def __init__(self, identity: VaultIdentity) -> None:
        self._identity = identity
        self._credentials: CredentialsTypeDef | None = None
        self._kms: KMSClient | None = None

    def kms(self) -> "KMSClient":
        """Return a KMS client with the role's credentials; raise :class:`AwsCallError`."""
        credentials = self._credentials
        if self._kms is None or credentials is None or credentials["Expiration"] - _RENEWAL < _now():
            credentials = self._credentials = self._assume_role()
            session = boto3.Session(
                aws_access_key_id=credentials["AccessKeyId"],
                aws_secret_access_key=credentials["SecretAccessKey"],
                aws_session_token=credentials["SessionToken"],
                region_name=self._identity.region,
            )
            self._kms = session.client("kms", config=_config())
        return self._kms

    def call_error(
        self,
        action: str,
        error: ClientError | BotoCoreError | ResponseParserError,
        *,
        resource: str,
        issuer: str = "",
    ) -> AwsCallError:
        """Return the error of a failed call, with its fix. ``resource`` is the ARN that the action is for."""
        if isinstance(error, BotoCoreError):
            return AwsCallError(
                action,
                str(error),
                f"Check that this machine reaches AWS in {self._identity.region} "
                "(network, proxy, AWS_ENDPOINT_URL).",
                settling=isinstance(error, (AwsConnectionError, HTTPClientError)),
            )
        if isinstance(error, ResponseParserError):
            return _not_aws(action)
        answer: Any = error.response
        code = str(answer.get("Error", {}).get("Code", "unknown"))
        message = f"{code}: {answer.get('Error', {}).get('Message', '')}".rstrip(": ")
        if code in _STALE:
            self._kms = None
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if 300 <= status < 400:
            return _not_aws(action)
        return AwsCallError(
            action,
            message,
            self._fix(action, code, resource, issuer),
            settling=status >= 500 or code in _SETTLING,
        )

    def _assume_role(self) -> "CredentialsTypeDef":
        identity = self._identity
        token = self._token()
        try:
            # Unsigned, so that the credentials of the person who runs the update aren't used.
            sts = boto3.Session(region_name=identity.region).client(
                "sts", config=_config().merge(Config(signature_version=UNSIGNED))
            )
            return sts.assume_role_with_web_identity(
                RoleArn=identity.role_arn,
                RoleSessionName="vault-autounseal-preflight",
                WebIdentityToken=token,
                DurationSeconds=_SESSION_SECONDS,
            )["Credentials"]
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            raise self.call_error(
                ASSUME_ROLE, error, resource=identity.role_arn, issuer=_issuer(token)
            ) from None

    def _token(self) -> str:
        identity = self._identity
        try:
            return Kubectl(identity.target).service_account_token(
                identity.service_account, audience=WEB_IDENTITY_AUDIENCE, seconds=_TOKEN_SECONDS
            )
        except KubectlError as error:
            place = f"{identity.service_account!r} in namespace {identity.target.namespace!r}"
            fixes = {
                "NotFound": f"There has to be a service account {place}, the one of Vault's pods "
                "(serviceAccount).",
                "Forbidden": "Whoever runs pulumi up needs the right to create serviceaccounts/token in "
                f"namespace {identity.target.namespace!r}.",
            }
            raise AwsCallError(
                f"A token for service account {place}",
                str(error),
                fixes.get(error.reason, "Check that this machine reaches the cluster."),
                settling=error.reason not in fixes,
            ) from None

    def _fix(self, action: str, code: str, resource: str, issuer: str) -> str:
        identity = self._identity
        provider = issuer or "the cluster's issuer"
        if code in _IDENTITY_REFUSED:
            return (
                f"The role's account needs an IAM OIDC provider for {provider} with {WEB_IDENTITY_AUDIENCE} "
                "among its client ids (audiences), and AWS has to reach the issuer's keys."
            )
        if code in _DENIED and action == ASSUME_ROLE:
            return (
                f"The role {resource} has to exist, and its trust policy has to let the OIDC provider of "
                f"{provider} assume it for aud {WEB_IDENTITY_AUDIENCE} and sub "
                f"system:serviceaccount:{identity.target.namespace}:{identity.service_account}; check the "
                "service account's name, too (serviceAccount)."
            )
        if code in _DENIED:
            return (
                f"The policy of role {identity.role_arn} has to allow {action} on {resource}, and the key "
                "policy has to let this role use the key; no boundary or organisation's policy may deny it."
            )
        if code in _MISSING:
            return f"Check the key {resource} and its region ({identity.region})."
        return "Fix what AWS names there, or try again later if it is AWS's own fault."


def _not_aws(action: str) -> AwsCallError:
    return AwsCallError(
        action,
        "the answer isn't AWS's, such as a redirect, which isn't followed",
        "Check what stands between this machine and AWS (network, proxy, AWS_ENDPOINT_URL).",
        settling=True,
    )


def _issuer(token: str) -> str:
    """Return the token's issuer, for an error message; empty if it has none. The token isn't verified."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return ""
    return str(claims.get("iss", "")) if isinstance(claims, dict) else ""


def _config() -> Config:
    # One attempt per call: callers retry until a deadline, and report progress meanwhile.
    return Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})


def _now() -> datetime:
    return datetime.now(UTC)

"""Gets Vault's credentials in the same way as Vault's pods: with a service account token.

How they are got is a :class:`VaultCredentialSource`: with IRSA from STS, as here, and with EKS Pod Identity
from EKS (`pod_identity_credentials.py`). A user's access key comes from its Secret (`static_credentials.py`).
"""

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as AwsConnectionError
from botocore.parsers import ResponseParserError

from components.aws.policies import WEB_IDENTITY_ACTION, WEB_IDENTITY_AUDIENCE
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.seal_preflight import SettlingError

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

TOKEN_SECONDS = 600
_SESSION_SECONDS = 900
"""The minimum of STS. Source: STS's reference on AssumeRoleWithWebIdentity, DurationSeconds."""
_RENEWAL = timedelta(minutes=5)

# Retryable, as IAM's changes are eventually consistent: they reach every part of AWS only after a while.
DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
_IDENTITY_REFUSED = frozenset({"IDPCommunicationError", "InvalidIdentityToken"})
_STALE = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)
_MISSING = frozenset({"NotFoundException", "ResourceNotFoundException"})
_BUSY = frozenset({"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"})
_SETTLING = DENIED | _IDENTITY_REFUSED | _STALE | _MISSING | _BUSY


class AwsCallError(SettlingError):
    """A call that AWS refused or didn't answer."""


@dataclass(frozen=True)
class VaultIdentity:
    """The role of Vault's pods and the service account that gets it."""

    role_arn: str
    region: str
    """AWS region of the key."""
    service_account: str
    target: KubernetesTarget
    """Cluster and namespace of the service account."""


@dataclass(frozen=True, repr=False)
class Credentials:
    """Credentials of a role's session or, without token and expiration, of a user."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expiration: datetime | None = None

    @property
    def over(self) -> bool:
        """Whether they end within five minutes."""
        return self.expiration is not None and self.expiration - _RENEWAL < _now()


class VaultCredentialSource(ABC):
    """Gets credentials of Vault's role or user. Credentials and tokens stay in memory."""

    def __init__(self, region: str) -> None:
        self.region = region
        """AWS region of the key."""

    @property
    @abstractmethod
    def holder(self) -> str:
        """Whose credentials they are."""

    @property
    def fixes(self) -> Mapping[str, str]:
        """What to do if KMS doesn't take the credentials, by AWS's code."""
        return {}

    @abstractmethod
    def credentials(self) -> Credentials:
        """Return new credentials; raise :class:`AwsCallError`."""


class RoleCredentials(VaultCredentialSource):
    """Gets credentials of a role with a token of the pods' service account."""

    def __init__(self, identity: VaultIdentity) -> None:
        super().__init__(identity.region)
        self.identity = identity

    @property
    def holder(self) -> str:
        """The role."""
        return self.identity.role_arn

    def service_account_token(self, audience: str, pod: str | None = None) -> str:
        """Create a token of the pods' service account; raise :class:`AwsCallError`."""
        identity = self.identity
        try:
            return Kubectl(identity.target).service_account_token(
                identity.service_account, audience=audience, seconds=TOKEN_SECONDS, pod=pod
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


class WebIdentityCredentials(RoleCredentials):
    """Gets the credentials from STS, which trusts the cluster's OIDC provider (IRSA)."""

    def credentials(self) -> Credentials:
        """Assume the role with a token of the service account."""
        identity = self.identity
        token = self.service_account_token(WEB_IDENTITY_AUDIENCE)
        try:
            # Unsigned, so that the credentials of the person who runs the update aren't used.
            sts = boto3.Session(region_name=identity.region).client(
                "sts", config=call_config().merge(Config(signature_version=UNSIGNED))
            )
            got = sts.assume_role_with_web_identity(
                RoleArn=identity.role_arn,
                RoleSessionName="vault-autounseal-preflight",
                WebIdentityToken=token,
                DurationSeconds=_SESSION_SECONDS,
            )["Credentials"]
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            raise call_error(
                WEB_IDENTITY_ACTION, error, region=identity.region, fixes=self._fixes(_issuer(token))
            ) from None
        return Credentials(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"], got["Expiration"])

    def _fixes(self, issuer: str) -> Mapping[str, str]:
        identity = self.identity
        provider = issuer or "the cluster's issuer"
        trust = (
            f"The role {identity.role_arn} has to exist, and its trust policy has to let the OIDC provider "
            f"of {provider} assume it for aud {WEB_IDENTITY_AUDIENCE} and sub "
            f"system:serviceaccount:{identity.target.namespace}:{identity.service_account}; check the "
            "service account's name, too (serviceAccount)."
        )
        unknown = (
            f"The role's account needs an IAM OIDC provider for {provider} with {WEB_IDENTITY_AUDIENCE} "
            "among its client ids (audiences), and AWS has to reach the issuer's keys."
        )
        return {**dict.fromkeys(DENIED, trust), **dict.fromkeys(_IDENTITY_REFUSED, unknown)}


class VaultRoleSession:
    """Calls KMS with Vault's credentials, which are renewed before they expire."""

    def __init__(self, source: VaultCredentialSource) -> None:
        self._source = source
        self._credentials: Credentials | None = None
        self._kms: KMSClient | None = None

    def kms(self) -> "KMSClient":
        """Return a KMS client with the credentials; raise :class:`AwsCallError`."""
        credentials = self._credentials
        if self._kms is None or credentials is None or credentials.over:
            credentials = self._credentials = self._source.credentials()
            session = boto3.Session(
                aws_access_key_id=credentials.access_key_id,
                aws_secret_access_key=credentials.secret_access_key,
                aws_session_token=credentials.session_token,
                region_name=self._source.region,
            )
            self._kms = session.client("kms", config=call_config())
        return self._kms

    def kms_error(self, action: str, error: ClientError | BotoCoreError, key_arn: str) -> AwsCallError:
        """Return the error of a failed call of KMS, with its fix."""
        source = self._source
        found = call_error(
            action,
            error,
            region=source.region,
            fixes={
                **dict.fromkeys(
                    DENIED,
                    f"The policy of {source.holder} has to allow {action} on {key_arn}, and the key policy "
                    f"has to let {source.holder} use the key; no boundary or organisation's policy may deny "
                    "it.",
                ),
                **dict.fromkeys(_MISSING, f"Check the key {key_arn} and its region ({source.region})."),
                **source.fixes,
            },
        )
        if isinstance(error, ClientError) and error_code(error) in _STALE:
            self._kms = None
        return found


def error_code(error: ClientError) -> str:
    """Return AWS's code of an error."""
    answer: Any = error.response
    return str(answer.get("Error", {}).get("Code", "unknown"))


def call_error(
    action: str,
    error: ClientError | BotoCoreError | ResponseParserError,
    *,
    region: str,
    fixes: Mapping[str, str],
) -> AwsCallError:
    """Return the error of a failed call. ``fixes`` says what to do, by AWS's code."""
    if isinstance(error, BotoCoreError):
        return AwsCallError(
            action,
            str(error),
            f"Check that this machine reaches AWS in {region} (network, proxy, AWS_ENDPOINT_URL).",
            settling=isinstance(error, (AwsConnectionError, HTTPClientError)),
        )
    if isinstance(error, ResponseParserError):
        return _not_aws(action)
    answer: Any = error.response
    code = error_code(error)
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if 300 <= status < 400:
        return _not_aws(action)
    return AwsCallError(
        action,
        f"{code}: {answer.get('Error', {}).get('Message', '')}".rstrip(": "),
        fixes.get(code, "Fix what AWS names there, or try again later if it is AWS's own fault."),
        settling=status >= 500 or code in _SETTLING,
    )


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


def call_config() -> Config:
    """Return the timeouts and the number of attempts of each call."""
    # One attempt per call: callers retry until a deadline, and report progress meanwhile.
    return Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})


def _now() -> datetime:
    return datetime.now(UTC)

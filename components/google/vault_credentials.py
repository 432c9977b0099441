"""Calls Google APIs with the same credentials as Vault's pods."""

import base64
import binascii
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from components.google.settings import CREDENTIALS_KEY
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.seal_preflight import SettlingError

STS = "https://sts.googleapis.com/v1/token"
CREDENTIALS = "https://iamcredentials.googleapis.com/v1"
KMS_AUDIENCE = "https://cloudkms.googleapis.com/"
"""Audience of the token that a client of Cloud KMS signs itself. Source: google.aip.dev/auth/4111."""

ANNOTATION = "iam.gke.io/gcp-service-account"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_SECONDS = 3600
_RENEWAL_SECONDS = 300
_CALL_SECONDS = (5, 10)
"""Timeouts of connecting and of the answer."""

# Retryable: changes of IAM reach every part of Google after minutes
# (cloud.google.com/iam/docs/access-change-propagation), as does an API that was just enabled.
_SETTLING = frozenset({401, 403, 404, 408, 429})


class GoogleCallError(SettlingError):
    """A call that Google refused or didn't answer."""


@dataclass(repr=False)
class VaultIdentity(ABC):
    """The Google identity of Vault's pods. Tokens stay in memory and are renewed before they expire."""

    target: KubernetesTarget
    """Cluster and namespace of Vault's pods."""
    _token: str = field(default="", init=False)
    _expires: float = field(default=0.0, init=False)

    @property
    @abstractmethod
    def name(self) -> str:
        """The identity's name for error messages."""

    @abstractmethod
    def _fetch(self) -> str:
        """Return a new access token, valid for an hour; raise :class:`GoogleCallError`."""

    def call(
        self, action: str, method: str, url: str, body: Mapping[str, Any] | None = None, *, fix: str
    ) -> Mapping[str, Any]:
        """Make one REST call as Vault; raise :class:`GoogleCallError` with ``action`` and ``fix``."""
        if time.monotonic() > self._expires - _RENEWAL_SECONDS:
            self._token = self._fetch()
            self._expires = time.monotonic() + TOKEN_SECONDS
        try:
            return ask_google(action, method, url, body, token=self._token, fix=fix)
        except GoogleCallError:
            # The next attempt gets a new token: the old one may belong to a deleted account.
            self._expires = 0.0
            raise


@dataclass(repr=False)
class WorkloadIdentity(VaultIdentity):
    """The identity that GKE's metadata server gives to the pods of a Kubernetes service account.

    Source: the GKE documents, "About Workload Identity Federation for GKE".
    """

    kubernetes_account: str
    """Name of the Kubernetes service account."""
    email: str
    """Address of the Google service account."""
    workload_pool: str
    """``<project>.svc.id.goog``."""
    cluster: str
    """``projects/<project>/locations/<location>/clusters/<name>``."""

    @property
    def name(self) -> str:
        """The email of the Google service account."""
        return self.email

    def _fetch(self) -> str:
        self._require_annotation()
        exchanged = ask_google(
            "The exchange of a token of Vault's service account",
            "POST",
            STS,
            {
                "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
                "audience": f"identitynamespace:{self.workload_pool}:"
                f"https://container.googleapis.com/v1/{self.cluster}",
                "scope": SCOPE,
                "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
                "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt",
                "subjectToken": kubernetes_token(
                    self.target, self.kubernetes_account, audience=self.workload_pool, seconds=600
                ),
            },
            token="",
            fix=f"Workload Identity has to be on for the cluster, with the pool {self.workload_pool}.",
        )
        member = f"serviceAccount:{self.workload_pool}[{self.target.namespace}/{self.kubernetes_account}]"
        answer = ask_google(
            "iam.serviceAccounts.getAccessToken",
            "POST",
            f"{CREDENTIALS}/projects/-/serviceAccounts/{self.email}:generateAccessToken",
            {"scope": [SCOPE], "lifetime": f"{TOKEN_SECONDS}s"},
            token=str(exchanged["access_token"]),
            fix=f"{member} needs roles/iam.workloadIdentityUser on the service account {self.email}, which "
            "has to exist and be enabled. pulumi up --refresh puts back what this stack gives.",
        )
        return str(answer["accessToken"])

    def _require_annotation(self) -> None:
        """Raise if the pods would silently authenticate as the node's service account."""
        found = _kubernetes(self.target, "serviceaccount", self.kubernetes_account)
        annotated = found.get("metadata", {}).get("annotations", {}).get(ANNOTATION, "")
        if annotated != self.email:
            raise GoogleCallError(
                f"The identity of service account {self.kubernetes_account!r}",
                f"its annotation {ANNOTATION} is {annotated!r} instead of {self.email!r}",
                "Without it GKE takes the account of the node. pulumi up --refresh puts it back.",
                settling=False,
            )


@dataclass(repr=False)
class KeyFile(VaultIdentity):
    """A service-account key in a Secret, which signs its own tokens, as Vault's seal does."""

    secret: str
    """Name of the Secret, which holds it as ``credentials.json``."""

    @property
    def name(self) -> str:
        """The Secret's name."""
        return secret_name(self.target, self.secret)

    def _fetch(self) -> str:
        # Imported here, as Workload Identity needs neither.
        from google.auth import jwt
        from google.auth.exceptions import GoogleAuthError

        information = credentials_in_secret(self.target, self.secret)
        if information.get("type") == "external_account":
            raise self._unusable(
                f"its {CREDENTIALS_KEY} is of type external_account, and identity.tokenAudience isn't set"
            )
        if information.get("type") != "service_account":
            raise self._unusable(f"its {CREDENTIALS_KEY} isn't of type service_account")
        try:
            credentials = jwt.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
                information, audience=KMS_AUDIENCE, token_lifetime=TOKEN_SECONDS
            )
            credentials.refresh(None)
        except (GoogleAuthError, ValueError, TypeError) as error:
            raise self._unusable(f"it isn't a service-account key ({type(error).__name__})") from None
        token = credentials.token
        return token.decode() if isinstance(token, bytes) else str(token)

    def _unusable(self, why: str) -> GoogleCallError:
        return unusable_secret(self.target, self.secret, why)


def secret_name(target: KubernetesTarget, secret: str) -> str:
    """Return a Secret's name for error messages."""
    return f"Secret {target.namespace}/{secret}"


def credentials_in_secret(target: KubernetesTarget, secret: str) -> Mapping[str, Any]:
    """Return the credentials file in a Secret; raise :class:`GoogleCallError` if there is none."""
    found = _kubernetes(target, "secret", secret)
    encoded = (found.get("data") or {}).get(CREDENTIALS_KEY)
    if not encoded:
        raise unusable_secret(target, secret, f"it has no key {CREDENTIALS_KEY}")
    try:
        information = json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, UnicodeDecodeError, json.JSONDecodeError):
        raise unusable_secret(target, secret, f"its {CREDENTIALS_KEY} isn't JSON") from None
    if not isinstance(information, dict):
        raise unusable_secret(target, secret, f"its {CREDENTIALS_KEY} isn't of type service_account")
    return information


def unusable_secret(target: KubernetesTarget, secret: str, why: str) -> GoogleCallError:
    """Return the error for credentials that Vault can't use, with how to put others there."""
    return GoogleCallError(
        f"The use of {secret_name(target, secret)}",
        why,
        f"Put a service-account key there: kubectl --namespace {target.namespace} create secret generic "
        f"{secret} --from-file={CREDENTIALS_KEY}=<file of gcloud iam service-accounts keys create>; or "
        "credentials of Workload Identity Federation, as docs/seals.md says",
        settling=False,
    )


def ask_google(
    action: str, method: str, url: str, body: Mapping[str, Any] | None, *, token: str, fix: str
) -> Mapping[str, Any]:
    """Make one REST call, without a retry; raise :class:`GoogleCallError`, without anything of ``body``."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        # A redirect would take the token along.
        response = requests.request(
            method, url, json=body, headers=headers, timeout=_CALL_SECONDS, allow_redirects=False
        )
        if response.status_code < 300:
            answer: Mapping[str, Any] = response.json()
            return answer
    except requests.RequestException as error:
        raise GoogleCallError(
            action,
            f"no answer from {url.split('/')[2]} ({type(error).__name__})",
            "Check that this machine reaches Google Cloud (network, proxy).",
            settling=True,
        ) from None
    status, message, disabled = _refusal(response)
    if disabled:
        fix = f"Enable the API: gcloud services enable {url.split('/')[2]}; or set enableApis to true."
    if response.status_code < 400:
        fix = "Check what stands between this machine and Google Cloud (network, proxy)."
    settling = response.status_code in _SETTLING or response.status_code >= 500
    raise GoogleCallError(action, f"{status}: {message}", fix, settling=settling)


def _refusal(response: requests.Response) -> tuple[str, str, bool]:
    """Return Google's status and error message, and whether they mean that an API isn't enabled."""
    if response.status_code < 400:
        return (
            str(response.status_code),
            "a redirect, which isn't followed, as the token would go there",
            False,
        )
    try:
        answer = response.json()
    except ValueError:
        return str(response.status_code), "no JSON, so perhaps a proxy's answer", False
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        reasons = [detail.get("reason") for detail in error.get("details", []) if isinstance(detail, dict)]
        status = str(error.get("status", response.status_code))
        return status, str(error.get("message", "")), "SERVICE_DISABLED" in reasons
    # The token service answers in OAuth's format.
    described = answer.get("error_description", "") if isinstance(answer, dict) else ""
    return str(error or response.status_code), str(described), False


def kubernetes_token(target: KubernetesTarget, account: str, *, audience: str, seconds: int) -> str:
    """Return a token of a Kubernetes service account; raise :class:`GoogleCallError`."""
    try:
        return Kubectl(target).service_account_token(account, audience=audience, seconds=seconds)
    except KubectlError as error:
        raise GoogleCallError(
            f"A token for service account {account!r}",
            str(error),
            "Whoever runs pulumi up needs the right to create serviceaccounts/token in namespace "
            f"{target.namespace!r}, and this machine has to reach the cluster.",
            settling=error.reason not in {"NotFound", "Forbidden"},
        ) from None


def _kubernetes(target: KubernetesTarget, kind: str, name: str) -> Mapping[str, Any]:
    """Return an object of Vault's namespace; raise :class:`GoogleCallError` if there is none."""
    try:
        found = Kubectl(target).get(kind, name)
    except KubectlError as error:
        raise GoogleCallError(
            f"Reading {kind} {name!r}",
            str(error),
            f"Whoever runs pulumi up needs the right to get {kind}s in namespace {target.namespace!r}.",
            settling=error.reason != "Forbidden",
        ) from None
    if found is None:
        raise GoogleCallError(
            f"Reading {kind} {name!r}",
            "there is none of that name",
            f"Make it in namespace {target.namespace!r} first, or fix its name in the settings.",
            settling=False,
        )
    return found

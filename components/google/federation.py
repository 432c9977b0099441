"""Calls Google APIs as Vault's pods do off GKE without a key: by Workload Identity Federation.

The pods get a token of their Kubernetes service account in a file, which the credentials in the Secret name;
an identity pool of Google Cloud trusts the cluster's issuer.
Sources: google.aip.dev/auth/4117; the IAM guide, "Configure Workload Identity Federation with Kubernetes".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.google.settings import CREDENTIALS_KEY, TOKEN_FILE
from components.google.vault_credentials import (
    CREDENTIALS,
    SCOPE,
    STS,
    TOKEN_SECONDS,
    VaultIdentity,
    ask_google,
    credentials_in_secret,
    kubernetes_token,
    secret_name,
    unusable_secret,
)

_JWT = "urn:ietf:params:oauth:token-type:jwt"
_AUDIENCE = re.compile(r"//iam\.googleapis\.com/projects/[^/]+/locations/global/workloadIdentityPools/.+")
_IMPERSONATION = re.compile(
    rf"{re.escape(CREDENTIALS)}/projects/-/serviceAccounts/[^/:]+:generateAccessToken"
)


@dataclass(repr=False)
class FederatedIdentity(VaultIdentity):
    """The identity that a workload identity pool gives to the pods of a Kubernetes service account."""

    secret: str
    """Name of the Secret, which holds credentials of type `external_account` as ``credentials.json``."""
    kubernetes_account: str
    """Name of the Kubernetes service account."""
    audience: str
    """Audience of the token in the pods' file."""

    @property
    def name(self) -> str:
        """The Secret's name."""
        return secret_name(self.target, self.secret)

    def _fetch(self) -> str:
        information = credentials_in_secret(self.target, self.secret)
        if why := unusable(information):
            raise unusable_secret(self.target, self.secret, f"its {CREDENTIALS_KEY} {why}")
        token = kubernetes_token(
            self.target, self.kubernetes_account, audience=self.audience, seconds=TOKEN_SECONDS
        )
        exchanged = ask_google(
            "The exchange of a token of Vault's service account",
            "POST",
            STS,
            {
                "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
                "audience": information["audience"],
                "scope": SCOPE,
                "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
                "subjectTokenType": information["subject_token_type"],
                "subjectToken": token,
            },
            token="",
            fix=f"The pool's provider {information['audience']} has to trust the cluster's issuer and the "
            f"audience {self.audience}.",
        )
        federated = str(exchanged["access_token"])
        url = information.get("service_account_impersonation_url")
        if not url:
            return federated
        answer = ask_google(
            "iam.serviceAccounts.getAccessToken",
            "POST",
            str(url),
            {"scope": [SCOPE], "lifetime": f"{TOKEN_SECONDS}s"},
            token=federated,
            fix="The pool's principal needs roles/iam.workloadIdentityUser on the service account of "
            "service_account_impersonation_url.",
        )
        return str(answer["accessToken"])


def unusable(information: Mapping[str, Any]) -> str:
    """Return why Vault's pods can't use credentials of federation, or they can't be proved; empty if neither.

    A token goes to no other host than Google's.
    """
    source = information.get("credential_source")
    source = source if isinstance(source, dict) else {}
    if information.get("type") != "external_account":
        return "isn't of type external_account, which identity.tokenAudience is for"
    if "executable" in source:
        return "gets its token from an executable, which isn't in Vault's image"
    if source.get("file") != TOKEN_FILE:
        return f"doesn't name {TOKEN_FILE} as credential_source.file, where the pods have the token"
    if (source.get("format") or {"type": "text"}).get("type") != "text":
        return "wants a token in JSON, and the pods' file is the bare token"
    if information.get("subject_token_type") != _JWT:
        return f"has another subject_token_type than {_JWT}"
    if information.get("token_url") != STS:
        return f"has another token_url than {STS}"
    if _AUDIENCE.fullmatch(str(information.get("audience"))) is None:
        return "names no provider of a workload identity pool as audience"
    url = information.get("service_account_impersonation_url")
    if url and _IMPERSONATION.fullmatch(str(url)) is None:
        return "has a service_account_impersonation_url that isn't Google's"
    return ""

"""Authenticates to Azure like Vault's pods: with a client secret, or a token of their service account."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from components.kubernetes.kubectl import Kubectl, KubectlError
from components.seal_preflight import SettlingError

_FEDERATION_AUDIENCE = "api://AzureADTokenExchange"
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class AzureCallError(SettlingError):
    """A step that Azure refused or didn't answer."""


@dataclass(frozen=True, repr=False)
class AzureIdentity:
    """The service principal or managed identity of Vault's pods."""

    kubectl: Kubectl
    namespace: str
    tenant_id: str
    client_id: str
    authority: str
    service_account: str
    secret_name: str
    secret_key: str

    @property
    def token_url(self) -> str:
        """The URL that issues its tokens."""
        return f"https://{self.authority}/{self.tenant_id}/oauth2/v2.0/token"

    @property
    def federation(self) -> str:
        """The federated credential that Azure needs for the service account."""
        return (
            "The identity needs a federated credential with the cluster's OIDC issuer, audience "
            f"{_FEDERATION_AUDIENCE} and subject "
            f"system:serviceaccount:{self.namespace}:{self.service_account}."
        )

    def credential(self) -> Mapping[str, str]:
        """Return its proof of identity: the client secret, or a token of the pods' service account."""
        if self.secret_name:
            return {"client_secret": self._client_secret()}
        try:
            token = self.kubectl.service_account_token(
                self.service_account, audience=_FEDERATION_AUDIENCE, seconds=600
            )
        except KubectlError as error:
            fix = (
                f"There has to be a service account {self.service_account!r} in namespace "
                f"{self.namespace!r}, and whoever runs pulumi up needs the right to create "
                "serviceaccounts/token there."
            )
            settling = error.reason not in ("NotFound", "Forbidden")
            raise AzureCallError("The service account's token", str(error), fix, settling=settling) from None
        return {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": token}

    def _client_secret(self) -> str:
        what = f"Reading Secret {self.secret_name}"
        fix = (
            f"It has to be in namespace {self.namespace!r} with the client secret as {self.secret_key!r}, "
            "and whoever runs pulumi up needs the right to get it."
        )
        try:
            secret = self.kubectl.get("secret", self.secret_name)
        except KubectlError as error:
            raise AzureCallError(what, str(error), fix, settling=error.reason != "Forbidden") from None
        value = (secret or {}).get("data", {}).get(self.secret_key)
        if value is None:
            raise AzureCallError(what, "it isn't there", fix, settling=secret is None)
        found = base64.b64decode(value).decode()
        if found != found.strip():
            # The pods pass the value on unchanged, and Azure takes the blank as part of the secret.
            blank = "its value begins or ends with a blank or a line break"
            raise AzureCallError(what, blank, "Make the Secret again without it.", settling=False)
        return found

"""Proves the seal azurekeyvault: calls get, wrapKey and unwrapKey with the credentials of Vault's pods.

Vault only gets the key when it starts, and first wraps during the init. Sources: Microsoft's documents on the
OAuth 2.0 client credentials flow and on the REST API of Key Vault 7.4, which Vault's seal uses, too.
"""

import base64
import secrets
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import requests

from components.azure.vault_credentials import AzureCallError, AzureIdentity
from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubernetesTarget
from components.seal_preflight import DATA_KEY_BYTES, KeyWrapper, prove_key

_API_VERSION = "7.4"
_ALGORITHM = "RSA-OAEP-256"
_OPERATIONS = ("wrapKey", "unwrapKey")
_REQUEST_SECONDS = 20
_RENEWAL_SECONDS = 300
_ROLE = "Key Vault Crypto Service Encryption User"

# By Azure's error codes. Role assignments and federated credentials take minutes to spread through Azure.
_TOKEN_FIXES: Mapping[str, tuple[str, bool]] = {
    "AADSTS7000215": ("The Secret has to have the client secret's value, not its id.", False),
    "AADSTS7000222": ("The client secret ran out: make another one and put it into the Secret.", False),
    "AADSTS700016": ("Check clientId and tenantId of azureKeyVault.", False),
    "AADSTS90002": ("Check tenantId of azureKeyVault, and its environment.", False),
    "AADSTS70021": ("{federation}", True),
    "AADSTS700213": ("{federation}", True),
    "AADSTS700211": ("{federation}", True),
}
_KEY_FIXES: Mapping[str, tuple[str, bool]] = {
    "ForbiddenByFirewall": (
        "The key vault's firewall lets the pods through at best, not this machine: let it through too, or "
        "set init.preflight to false.",
        False,
    ),
    "ForbiddenByConnection": (
        "The key vault accepts private connections only: run pulumi up where it is reachable, or set "
        "init.preflight to false.",
        False,
    ),
    "KeyNotFound": (
        "Check keyName of azureKeyVault; the key has to be there, as no Azure resource is made.",
        False,
    ),
    "KeyDisabled": ("Enable the key.", False),
}


def prove_seal(properties: Mapping[str, Any], target: KubernetesTarget, seconds: float) -> "VaultKey":
    """Prove that Vault's identity can use the key, see :func:`components.seals.seal.prove_seal`.

    ``properties``: ``key_url``, ``tenant_id``, ``client_id``, ``authority`` (the host that issues tokens),
    ``service_account`` of Vault's pods, and ``secret_name`` and ``secret_key`` of the client secret, empty
    for workload identity.
    """
    identity = AzureIdentity(
        kubectl=Kubectl(target),
        namespace=target.namespace,
        **{
            name: str(properties[name])
            for name in (
                "tenant_id",
                "client_id",
                "authority",
                "service_account",
                "secret_name",
                "secret_key",
            )
        },
    )
    key = VaultKey(identity, str(properties["key_url"]), requests.Session())
    prove_key(identity=identity.client_id, key=key.url, seconds=seconds, proof=lambda: _prove(key))
    return key


class VaultKey(KeyWrapper):
    """The seal's key, used as Vault's identity. Every method raises :class:`AzureCallError`."""

    kind: ClassVar[str] = "azure-key-vault"
    key_field: ClassVar[str] = "key_url"

    def __init__(self, identity: AzureIdentity, url: str, session: requests.Session) -> None:
        self.url = url
        self._identity = identity
        self._session = session
        self._bearer = ""
        self._renew_at = 0.0

    @property
    def key_name(self) -> str:
        """The key's URL."""
        return self.url

    def wrap(self, key: bytes, _deployment: str) -> Mapping[str, str]:
        """Wrap ``key``; RSA takes no context, and the journal itself is bound to its deployment."""
        version, wrapped = self.wrap_key(key)
        return {"key_version": version, "wrapped_key": base64.b64encode(wrapped).decode()}

    def unwrap(self, header: Mapping[str, str], _deployment: str) -> bytes:
        """Return the key, unwrapped by the version that wrapped it."""
        return self.unwrap_key(
            header.get("key_version", ""), base64.b64decode(header["wrapped_key"], validate=True)
        )

    def describe(self) -> Mapping[str, Any]:
        """Return type, operations and attributes of the key's newest version."""
        return self._call("get", "GET", self.url, None)

    def wrap_key(self, plain: bytes) -> tuple[str, bytes]:
        """Wrap ``plain``; return the key version that was used and the wrapped bytes."""
        body = {"alg": _ALGORITHM, "value": _base64url(plain)}
        answer = self._call("wrapKey", "POST", f"{self.url}/wrapkey", body)
        return str(answer["kid"]).rsplit("/", 1)[-1], _from_base64url(str(answer["value"]))

    def unwrap_key(self, version: str, wrapped: bytes) -> bytes:
        """Unwrap what that version wrapped."""
        body = {"alg": _ALGORITHM, "value": _base64url(wrapped)}
        answer = self._call("unwrapKey", "POST", f"{self.url}/{version}/unwrapkey", body)
        return _from_base64url(str(answer["value"]))

    def _call(self, action: str, method: str, url: str, body: Mapping[str, str] | None) -> Mapping[str, Any]:
        response = self._send(
            f"{action} of {self.url}",
            method,
            url,
            params={"api-version": _API_VERSION},
            json=body,
            headers={"Authorization": f"Bearer {self._token()}"},
        )
        if response.status_code < 300:
            answer: Mapping[str, Any] = response.json()
            return answer
        error = _json(response).get("error") or {}
        inner = (error.get("innererror") or {}).get("code") or error.get("code") or ""
        rights = (
            f"Give the identity {self._identity.client_id} the role {_ROLE!r} on the key vault or key (Azure "
            "RBAC), or an access policy with the key permissions get, wrapKey and unwrapKey."
        )
        forbidden = (rights, response.status_code in (401, 403) or _is_passing(response))
        fix, settling = _KEY_FIXES.get(str(inner), forbidden)
        message = " ".join(f"{inner}: {error.get('message', '')}".split()) if inner else ""
        raise AzureCallError(
            f"{action} of {self.url}", message or f"HTTP {response.status_code}", fix, settling=settling
        )

    def _token(self) -> str:
        if time.monotonic() < self._renew_at:
            return self._bearer
        domain = self.url.split("/")[2].split(".", 1)[1]
        what = f"A token for {self._identity.client_id} from {self._identity.token_url}"
        form = {
            "grant_type": "client_credentials",
            "client_id": self._identity.client_id,
            "scope": f"https://{domain}/.default",
            **self._identity.credential(),
        }
        response = self._send(what, "POST", self._identity.token_url, data=form)
        answer = _json(response)
        if response.status_code >= 300 or "access_token" not in answer:
            # The first line has the error, the others ids and times of the request.
            message = str(answer.get("error_description", "")).split("\r\n")[0].split("\n")[0]
            code = message.split(":")[0]
            fix, settling = _TOKEN_FIXES.get(code, ("Check tenantId and clientId.", _is_passing(response)))
            raise AzureCallError(
                what,
                message or f"HTTP {response.status_code}",
                fix.format(federation=self._identity.federation),
                settling=settling,
            )
        self._bearer = str(answer["access_token"])
        self._renew_at = time.monotonic() + int(answer.get("expires_in", 0)) - _RENEWAL_SECONDS
        return self._bearer

    def _send(self, what: str, method: str, url: str, **request: Any) -> requests.Response:
        host = url.split("/")[2]
        try:
            response = self._session.request(
                method, url, timeout=_REQUEST_SECONDS, allow_redirects=False, **request
            )
        except requests.RequestException as error:
            raise AzureCallError(
                what,
                f"{host} can't be reached: {type(error).__name__}: {error}",
                f"Check that this machine reaches https://{host}, and vaultName and environment.",
                settling=True,
            ) from None
        if 300 <= response.status_code < 400:
            raise AzureCallError(
                what,
                f"{host} redirects (status {response.status_code}), which isn't followed, as the identity's "
                "secret or token would go there",
                f"Check what stands between this machine and https://{host} (network, proxy), and vaultName "
                "and environment.",
                settling=True,
            )
        return response


def _prove(key: VaultKey) -> None:
    _require_usable(key.url, key.describe())
    probe = secrets.token_bytes(DATA_KEY_BYTES)
    if key.unwrap_key(*key.wrap_key(probe)) != probe:
        raise DeploymentError(f"{key.url} unwrapped something else than it had wrapped.")


def _require_usable(url: str, description: Mapping[str, Any]) -> None:
    key = description.get("key") or {}
    kind, operations = str(key.get("kty", "")), key.get("key_ops") or ()
    if not kind.startswith("RSA"):
        raise DeploymentError(
            f"The key {url} is of the wrong kind ({kind}). A seal wraps with {_ALGORITHM}, which needs an "
            "RSA key, and an existing key can't be changed to it."
        )
    missing = [operation for operation in _OPERATIONS if operation not in operations]
    if missing:
        raise DeploymentError(
            f"The key {url} doesn't allow {' and '.join(missing)}: az keyvault key set-attributes --ops "
            "wrapKey unwrapKey, beside the operations that it has."
        )
    if not (description.get("attributes") or {}).get("enabled", True):
        raise DeploymentError(f"The key {url} is disabled. Enable it.")


def _is_passing(response: requests.Response) -> bool:
    return response.status_code == 429 or response.status_code >= 500


def _json(response: requests.Response) -> Mapping[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

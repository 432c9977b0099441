"""The proof of the seal azurekeyvault: get, wrapKey and unwrapKey as Vault's identity, not as the person.

Vault itself only gets the key when it starts, and first wraps at the init. Sources: Microsoft's documents on
the OAuth 2.0 client credentials flow and on the REST API of Key Vault 7.4, which Vault's seal speaks too.
"""

import base64
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import requests

from components.errors import DeploymentError
from components.journal_cipher import KEY_BYTES, JournalCipher, JournalError, decoded
from components.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.progress import Waiting, say

_API_VERSION = "7.4"
_ALGORITHM = "RSA-OAEP-256"
_OPERATIONS = ("wrapKey", "unwrapKey")
_FEDERATION_AUDIENCE = "api://AzureADTokenExchange"
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_REQUEST_SECONDS = 20
_CIPHER_SECONDS = 60
_RENEWAL_SECONDS = 300
_ROLE = "Key Vault Crypto Service Encryption User"

# By Azure's own codes. Rights and federated credentials take minutes until every part of Azure knows them.
_TOKEN_MENDS: Mapping[str, tuple[str, bool]] = {
    "AADSTS7000215": ("The Secret has to have the client secret's value, not its id.", False),
    "AADSTS7000222": ("The client secret ran out: make another one and put it into the Secret.", False),
    "AADSTS700016": ("Check clientId and tenantId of azureKeyVault.", False),
    "AADSTS90002": ("Check tenantId of azureKeyVault, and its environment.", False),
    "AADSTS70021": ("{federation}", True),
    "AADSTS700213": ("{federation}", True),
    "AADSTS700211": ("{federation}", True),
}
_KEY_MENDS: Mapping[str, tuple[str, bool]] = {
    "ForbiddenByFirewall": (
        "The key vault's firewall lets the pods through at best, not this machine: let it through too, or "
        "set init.preflight to false.",
        False,
    ),
    "ForbiddenByConnection": (
        "The key vault takes private connections alone: run pulumi up where it's reached, or set "
        "init.preflight to false.",
        False,
    ),
    "KeyNotFound": (
        "Check keyName of azureKeyVault; the key has to be there, as no Azure resource is made.",
        False,
    ),
    "KeyDisabled": ("Enable the key.", False),
}

Answer = TypeVar("Answer")


class AzureCallError(DeploymentError):
    """A step that Azure refused or didn't answer; the message holds its own words and the mend."""

    def __init__(self, what: str, summary: str, mend: str, *, settling: bool) -> None:
        self.settling = settling
        self.summary = f"{what}: {summary}"
        super().__init__(f"{what} failed: {summary}. {mend}")


def prove_seal(properties: Mapping[str, Any], target: KubernetesTarget, seconds: float) -> JournalCipher:
    """As :func:`components.seal_preflight.run_preflight`.

    ``properties``: ``key_url``, ``tenant_id``, ``client_id``, ``authority`` (the host that gives tokens),
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
    say(f"Proving that {identity.client_id} can use {key.url}")
    try:
        _until_settled("Waiting for Vault's identity to be able to use its key", seconds, lambda: _prove(key))
    except DeploymentError as error:
        raise DeploymentError(
            f"The preflight of the seal as Vault's identity {identity.client_id} didn't succeed; nothing was "
            f"initialised. {error}\nThen run pulumi up again."
        ) from None
    return KeyVaultEnvelopeCipher(key)


@dataclass(frozen=True, repr=False)
class AzureIdentity:
    """The service principal or managed identity that Vault's pods are."""

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
        """Where its tokens come from."""
        return f"https://{self.authority}/{self.tenant_id}/oauth2/v2.0/token"

    @property
    def federation(self) -> str:
        """What Azure has to know of the service account."""
        return (
            "The identity needs a federated credential with the cluster's OIDC issuer, audience "
            f"{_FEDERATION_AUDIENCE} and subject "
            f"system:serviceaccount:{self.namespace}:{self.service_account}."
        )

    def credential(self) -> Mapping[str, str]:
        """What it proves itself with: the client secret, or a token of the pods' service account."""
        if self.secret_name:
            return {"client_secret": self._client_secret()}
        try:
            token = self.kubectl.service_account_token(
                self.service_account, audience=_FEDERATION_AUDIENCE, seconds=600
            )
        except KubectlError as error:
            mend = (
                f"There has to be a service account {self.service_account!r} in namespace "
                f"{self.namespace!r}, and whoever runs pulumi up needs the right to create "
                "serviceaccounts/token there."
            )
            settling = error.reason not in ("NotFound", "Forbidden")
            raise AzureCallError("The service account's token", str(error), mend, settling=settling) from None
        return {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": token}

    def _client_secret(self) -> str:
        what = f"Reading Secret {self.secret_name}"
        mend = (
            f"It has to be in namespace {self.namespace!r} with the client secret as {self.secret_key!r}, "
            "and whoever runs pulumi up needs the right to get it."
        )
        try:
            secret = self.kubectl.get("secret", self.secret_name)
        except KubectlError as error:
            raise AzureCallError(what, str(error), mend, settling=error.reason != "Forbidden") from None
        value = (secret or {}).get("data", {}).get(self.secret_key)
        if value is None:
            raise AzureCallError(what, "it isn't there", mend, settling=secret is None)
        found = base64.b64decode(value).decode()
        if found != found.strip():
            # The pods have it as it is, and Azure takes it for a part of the secret.
            blank = "its value begins or ends with a blank or a line break"
            raise AzureCallError(what, blank, "Make the Secret again without it.", settling=False)
        return found


class VaultKey:
    """The seal's key with the rights of Vault's identity. Every method raises :class:`AzureCallError`."""

    def __init__(self, identity: AzureIdentity, url: str, session: requests.Session) -> None:
        self.url = url
        self._identity = identity
        self._session = session
        self._bearer = ""
        self._renew_at = 0.0

    def describe(self) -> Mapping[str, Any]:
        """Kind, operations and attributes of the key's newest version."""
        return self._call("get", "GET", self.url, None)

    def wrap(self, plain: bytes) -> tuple[str, bytes]:
        """The key's version, and ``plain`` as it was wrapped with that."""
        body = {"alg": _ALGORITHM, "value": _base64url(plain)}
        answer = self._call("wrapKey", "POST", f"{self.url}/wrapkey", body)
        return str(answer["kid"]).rsplit("/", 1)[-1], _from_base64url(str(answer["value"]))

    def unwrap(self, version: str, wrapped: bytes) -> bytes:
        """The opposite."""
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
        if response.ok:
            answer: Mapping[str, Any] = response.json()
            return answer
        error = _json(response).get("error") or {}
        inner = (error.get("innererror") or {}).get("code") or error.get("code") or ""
        rights = (
            f"Give the identity {self._identity.client_id} the role {_ROLE!r} on the key vault or key (Azure "
            "RBAC), or an access policy with the key permissions get, wrapKey and unwrapKey."
        )
        forbidden = (rights, response.status_code in (401, 403) or _is_passing(response))
        mend, settling = _KEY_MENDS.get(str(inner), forbidden)
        said = " ".join(f"{inner}: {error.get('message', '')}".split()) if inner else ""
        raise AzureCallError(
            f"{action} of {self.url}", said or f"HTTP {response.status_code}", mend, settling=settling
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
        if not response.ok or "access_token" not in answer:
            # The first line says what is wrong, the others have ids and times of the request.
            said = str(answer.get("error_description", "")).split("\r\n")[0].split("\n")[0]
            code = said.split(":")[0]
            mend, settling = _TOKEN_MENDS.get(code, ("Check tenantId and clientId.", _is_passing(response)))
            raise AzureCallError(
                what,
                said or f"HTTP {response.status_code}",
                mend.format(federation=self._identity.federation),
                settling=settling,
            )
        self._bearer = str(answer["access_token"])
        self._renew_at = time.monotonic() + int(answer.get("expires_in", 0)) - _RENEWAL_SECONDS
        return self._bearer

    def _send(self, what: str, method: str, url: str, **request: Any) -> requests.Response:
        try:
            return self._session.request(
                method, url, timeout=_REQUEST_SECONDS, allow_redirects=False, **request
            )
        except requests.RequestException as error:
            host = url.split("/")[2]
            raise AzureCallError(
                what,
                f"{host} can't be reached: {type(error).__name__}: {error}",
                f"Check that this machine reaches https://{host}, and vaultName and environment.",
                settling=True,
            ) from None


@dataclass(frozen=True, repr=False)
class KeyVaultEnvelopeCipher(JournalCipher):
    """A data key made here and wrapped by the seal's key: whoever may unseal Vault may read the journal."""

    kind: ClassVar[str] = "azure-key-vault"
    vault_key: VaultKey

    def _make(self, deployment: str) -> tuple[Mapping[str, str], bytes]:  # noqa: ARG002 (bound by the journal)
        key = secrets.token_bytes(KEY_BYTES)
        version, wrapped = self._use(lambda: self.vault_key.wrap(key))
        header = {"key_url": self.vault_key.url, "key_version": version}
        return {**header, "wrapped_key": base64.b64encode(wrapped).decode()}, key

    def _open(self, header: Mapping[str, str], deployment: str) -> bytes:  # noqa: ARG002 (bound by the journal)
        if header.get("key_url") != self.vault_key.url:
            raise JournalError(
                f"its key was wrapped by {header.get('key_url')}, and the seal's key is {self.vault_key.url}"
                "; let the stack use the earlier key again"
            )
        wrapped = decoded(header.get("wrapped_key", ""))
        return self._use(lambda: self.vault_key.unwrap(header.get("key_version", ""), wrapped))

    def _use(self, request: Callable[[], Answer]) -> Answer:
        try:
            return _until_settled("Waiting for the key of the journal", _CIPHER_SECONDS, request)
        except AzureCallError as error:
            raise JournalError(f"its key can't be had: {error}") from None


def _prove(key: VaultKey) -> None:
    _require_usable(key.url, key.describe())
    probe = secrets.token_bytes(KEY_BYTES)
    if key.unwrap(*key.wrap(probe)) != probe:
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


def _until_settled(what: str, seconds: float, attempt: Callable[[], Answer]) -> Answer:
    """Tries again while rights may be settling, Azure is busy or can't be reached, until the time is over."""
    waiting = Waiting(what, seconds)
    while True:
        try:
            return attempt()
        except AzureCallError as error:
            if waiting.over or not error.settling:
                raise
            waiting.pause(error.summary, seconds=1)


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

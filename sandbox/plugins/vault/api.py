"""Talks to Vault as the real plugin does: with the variables of Vault's clients, and a token of its own.

Source: hashicorp/terraform-provider-vault, internal/provider/meta.go.
"""

import http.client
import json
import os
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from sandbox.plugins.json_values import Json
from sandbox.plugins.provider import ProviderError

JsonObject = Mapping[str, Json]

_CHILD_TOKEN = "1200s"  # noqa: S105 - how long it lives
_SECONDS = 60


class VaultApiError(ProviderError):
    """Vault refused a request."""

    def __init__(self, method: str, path: str, status: int, errors: object) -> None:
        super().__init__(f"error from Vault: {method} {path}: Code: {status}. Errors: {errors}")
        self.status = status


class Vault:
    """The Vault that the environment leads to. Nothing is asked until the first request."""

    def __init__(self, *, skip_child_token: bool = False) -> None:
        self._skip_child_token = skip_child_token
        self._token = ""

    def read(self, path: str) -> JsonObject | None:
        """Return the data at the path; None if there is nothing."""
        try:
            answer = self._request("GET", path)
        except VaultApiError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise
        data = answer.get("data")
        return data if isinstance(data, dict) else answer

    def write(self, path: str, body: JsonObject, *, method: str = "PUT") -> None:
        """Write to the path."""
        self._request(method, path, body)

    def delete(self, path: str) -> None:
        """Delete what is at the path; nothing there is no error."""
        try:
            self._request("DELETE", path)
        except VaultApiError as error:
            if error.status != http.client.NOT_FOUND:
                raise

    def _request(self, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
        self._log_in()
        return _send(method, path, self._token, body)

    def _log_in(self) -> None:
        """Take the token of the environment, and make a child of it that lives for twenty minutes."""
        if self._token:
            return
        token = os.environ.get("VAULT_TOKEN", "")
        if not token:
            raise ProviderError("no vault token set on Client")
        _send("GET", "auth/token/lookup-self", token)
        if not self._skip_child_token:
            child: dict[str, Json] = {
                "display_name": "terraform",
                "ttl": _CHILD_TOKEN,
                "explicit_max_ttl": _CHILD_TOKEN,
                "renewable": False,
            }
            auth = _send("POST", "auth/token/create", token, child).get("auth")
            if not isinstance(auth, dict):
                raise ProviderError("failed to create limited child token")
            token = str(auth["client_token"])
        self._token = token


class _Tunnel(http.client.HTTPSConnection):
    """Verifies by a name that isn't that of the address."""

    def __init__(self, host: str, port: int | None, name: str, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=_SECONDS)
        self._name, self._tls = name, context

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self._name)


def _connection() -> http.client.HTTPConnection:
    address = os.environ.get("VAULT_ADDR", "")
    if not address:
        raise ProviderError("failed to configure Vault address")
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=_SECONDS)
    context = ssl.create_default_context(cafile=os.environ.get("VAULT_CACERT") or None)
    return _Tunnel(host, parts.port, os.environ.get("VAULT_TLS_SERVER_NAME") or host, context)


def _send(method: str, path: str, token: str, body: JsonObject | None = None) -> JsonObject:
    connection = _connection()
    try:
        connection.request(
            method,
            f"/v1/{quote(path)}",
            None if body is None else json.dumps(body),
            {"X-Vault-Token": token, "X-Vault-Request": "true"},
        )
        response = connection.getresponse()
        text = response.read()
    except OSError as error:
        raise ProviderError(f"Vault at {os.environ['VAULT_ADDR']} can't be reached: {error}") from error
    finally:
        connection.close()
    answer: JsonObject = json.loads(text) if text else {}
    if response.status >= http.client.BAD_REQUEST:
        raise VaultApiError(method, path, response.status, answer.get("errors"))
    return answer

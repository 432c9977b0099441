"""Azure's login and Key Vault on the loopback under their real names, behind a proxy that leads nowhere else.

Own work after Microsoft's documents on the OAuth 2.0 client credentials flow and on the REST API of Key Vault
7.4, as far as a seal goes; what is refused is refused in Azure's words.
"""

import base64
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from sandbox.certificates import CertificateAuthority

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-aaaaaaaaaaaa"
CLIENT_SECRET = "the-client-secret"
FEDERATED_TOKEN = "the.federated.token"
VAULT_NAME = "acme-unseal"
KEY_NAME = "vault-unseal"
LOGIN = "login.microsoftonline.com"
VAULT_HOST = f"{VAULT_NAME}.vault.azure.net"
_BEARER = "the-access-token"
_OAEP = padding.OAEP(mgf=padding.MGF1(SHA256()), algorithm=SHA256(), label=None)
_RIGHTS = {"get": "read", "wrapkey": "wrap/action", "unwrapkey": "unwrap/action"}


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        self.status, self.body, self.headers = status, body, headers or {}


@dataclass
class AzureServices:
    """What a test may change, and what it can see."""

    proxy: str
    """URL of the proxy."""
    certificate: Path
    """The authority that vouches for the names (PEM)."""
    rights: set[str] = field(default_factory=lambda: {"get", "wrapkey", "unwrapkey"})
    key: dict[str, Any] = field(default_factory=lambda: {"kty": "RSA", "key_ops": ["wrapKey", "unwrapKey"]})
    attributes: dict[str, Any] = field(default_factory=lambda: {"enabled": True})
    version: str = "0001"
    """The newest version."""
    busy: int = 0
    """How many calls of the key vault are answered with 503 first."""
    asked: list[str] = field(default_factory=list)
    """Every host and port that somebody wanted to reach."""
    calls: list[str] = field(default_factory=list)
    """Method and path of every request."""
    _versions: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)

    @property
    def environment(self) -> Mapping[str, str]:
        """Leads the programs of a pod here; Go's names for it."""
        return {"HTTPS_PROXY": self.proxy, "SSL_CERT_FILE": str(self.certificate)}

    def answer(self, host: str, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Any:
        """The answer to one request; raises :class:`RefusedError`."""
        url = urlsplit(target)
        self.calls.append(f"{method} {host}{url.path}")
        parts = [part for part in url.path.split("/") if part]
        return self._login(parts, body) if host == LOGIN else self._vault(parts, headers, body)

    def _login(self, parts: list[str], body: bytes) -> Any:
        authority = f"https://{LOGIN}/{TENANT}"
        if parts[-1] == "instance":
            network = {"preferred_network": LOGIN, "preferred_cache": LOGIN, "aliases": [LOGIN]}
            endpoint = f"{authority}/v2.0/.well-known/openid-configuration"
            return {"tenant_discovery_endpoint": endpoint, "metadata": [network]}
        if parts[-1] == "openid-configuration":
            return {
                "issuer": f"{authority}/v2.0",
                "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
                "token_endpoint": f"{authority}/oauth2/v2.0/token",
            }
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        assert parts == [TENANT, "oauth2", "v2.0", "token"], parts
        assert form["grant_type"] == "client_credentials"
        assert "https://vault.azure.net/.default" in form["scope"].split()
        if form["client_id"] != CLIENT:
            raise _no_token("unauthorized_client", "AADSTS700016: Application with identifier was not found.")
        if form.get("client_assertion", FEDERATED_TOKEN) != FEDERATED_TOKEN:
            raise _no_token("invalid_client", "AADSTS700213: No matching federated identity record found.")
        if form.get("client_secret", CLIENT_SECRET) != CLIENT_SECRET:
            raise _no_token("invalid_client", "AADSTS7000215: Invalid client secret provided.")
        assert "client_secret" in form or form["client_assertion_type"].endswith("jwt-bearer")
        return {"token_type": "Bearer", "expires_in": 3599, "access_token": _BEARER}

    def _vault(self, parts: list[str], headers: Mapping[str, str], body: bytes) -> Any:
        if headers.get("Authorization") != f"Bearer {_BEARER}":
            challenge = f'Bearer authorization="https://{LOGIN}/{TENANT}", resource="https://vault.azure.net"'
            raise RefusedError(
                401, _error("Unauthorized", "AKV10000: no token"), {"WWW-Authenticate": challenge}
            )
        if self.busy:
            self.busy -= 1
            raise RefusedError(503, _error("ServiceUnavailable", "Try again later."))
        name, *rest = parts[1:]
        operation = rest.pop() if rest and rest[-1] in _RIGHTS else "get"
        version = rest[0] if rest else self.version
        if operation not in self.rights:
            message = (
                "Caller is not authorized to perform action on resource.\r\n"
                f"Action: 'Microsoft.KeyVault/vaults/keys/{_RIGHTS[operation]}'"
            )
            raise RefusedError(403, _error("Forbidden", message, "ForbiddenByRbac"))
        if name != KEY_NAME:
            raise RefusedError(404, _error("KeyNotFound", f"A key with (name/id) {name} was not found"))
        kid = f"https://{VAULT_HOST}/keys/{name}/{version}"
        if operation == "get":
            return {"key": {"kid": kid, **self.key}, "attributes": self.attributes}
        order = json.loads(body)
        assert order["alg"] == "RSA-OAEP-256"
        value = base64.urlsafe_b64decode(order["value"] + "==")
        key = self._versions.setdefault(version, rsa.generate_private_key(65537, 2048))
        done = key.public_key().encrypt(value, _OAEP) if operation == "wrapkey" else key.decrypt(value, _OAEP)
        return {"kid": kid, "value": base64.urlsafe_b64encode(done).rstrip(b"=").decode()}


def _error(code: str, message: str, inner: str = "") -> Mapping[str, Any]:
    return {"error": {"code": code, "message": message, **({"innererror": {"code": inner}} if inner else {})}}


def _no_token(error: str, description: str) -> RefusedError:
    return RefusedError(401, {"error": error, "error_description": f"{description}\r\nTrace ID: 1\r\n"})


@contextlib.contextmanager
def run_azure_services(folder: Path) -> Iterator[AzureServices]:
    """On a free port of the loopback."""
    authority = CertificateAuthority.load_or_create(folder, "azure")
    issued = authority.issue("names", LOGIN, names=[LOGIN, VAULT_HOST])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(issued.certificate, issued.key)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_CONNECT(self) -> None:
            services.asked.append(self.path)
            self.host = self.path.removesuffix(":443")
            if self.host not in (LOGIN, VAULT_HOST):
                self.send_error(403)
                return
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            # From here on this handler is the server itself.
            self.connection = tls.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", buffering=0)
            self.close_connection = False

        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                status, headers = 200, {}
                answer = services.answer(self.host, self.command, self.path, dict(self.headers), body)
            except RefusedError as refused:
                status, answer, headers = refused.status, refused.body, dict(refused.headers)
            payload = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = _respond  # noqa: N815 (http.server's names for them)

        def log_message(self, *_args: object) -> None:
            """Keeps the tests' output free of requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        services = AzureServices(f"http://127.0.0.1:{server.server_port}", authority.certificate)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield services
        finally:
            server.shutdown()
            thread.join()

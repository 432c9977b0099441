"""Google Secret Manager on the loopback, and the token service that service accounts log in to.

After https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions and, for the
logins, https://developers.google.com/identity/protocols/oauth2/service-account#httprest. Like Google's it
answers with the project's number where it was asked with its id.
"""

import base64
import binascii
import contextlib
import json
import re
import ssl
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import RSAKey
from werkzeug.wrappers import Request, Response

from sandbox.certificates import CertificateAuthority
from tests.http_server import http_server

PROJECT = "example-project"
PROJECT_NUMBER = "123456789012"
NAME = "vault-operator-init"
RIGHTS = ("add", "access", "destroy", "list")

LogIn = Callable[[Sequence[str]], None]
"""Logs this process in as a service account with just these rights."""

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_AUDIENCE = "https://oauth2.googleapis.com/token"
"""Whom a login is meant for, wherever it is sent."""
_LARGEST_BYTES = 65536
_LIST_PAGE = 3
_CODES = {"INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "UNAUTHENTICATED": 401}
_CODES |= {"PERMISSION_DENIED": 403, "NOT_FOUND": 404, "RESOURCE_EXHAUSTED": 429, "UNAVAILABLE": 503}
_METHODS = {"access": "GET", "list": "GET", "add": "POST", "destroy": "POST"}
_PATH = re.compile(
    rf"/v1/projects/(?:{PROJECT}|{PROJECT_NUMBER})/(?P<rest>(?:locations/[a-z0-9-]+/)?secrets/(?P<name>[\w-]+))"
    r"(?:(?P<add>:addVersion)|/versions(?:/(?P<number>\d+):(?P<verb>access|destroy))?)"
)


def new_key() -> RSAKey:
    """Make an account's key, a short one: Google's library verifies a key each time that it loads it."""
    with warnings.catch_warnings(category=SecurityWarning, action="ignore"):
        return RSAKey.generate_key(1024)


class ApiError(Exception):
    """An answer that isn't a success."""

    def __init__(self, status: str, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


@dataclass
class Version:
    """A version of a secret."""

    data: bytes
    checked: bool
    """Whether it came with a checksum."""
    state: str = "ENABLED"
    destruction_scheduled: bool = False

    def refuse_unless_enabled(self, name: str) -> None:
        if self.state != "ENABLED":
            raise ApiError("FAILED_PRECONDITION", f"Secret Version [{name}] is in {self.state} state.")


@dataclass
class Secret:
    """A secret, and what it does on bad days."""

    versions: list[Version] = field(default_factory=list)
    destroy_delay: bool = False
    """Whether versions are disabled first, and destroyed days later."""
    unlisted: int = 0
    """How many of the newest versions the list doesn't have yet."""
    damaged: bool = False
    """Whether a byte falls over when a version is accessed."""
    checksum_lost: bool = False
    """Whether the checksum of a new version gets lost on its way here."""

    @property
    def states(self) -> Sequence[str]:
        """Of all versions, oldest first."""
        return [version.state for version in self.versions]


@dataclass
class SecretManager:
    """The running service."""

    authority: Path
    """Certificate that its own one is proved by."""
    endpoint: str = ""
    """Host and port."""
    secrets: dict[str, Secret] = field(default_factory=dict)
    rights: dict[str, set[str]] = field(default_factory=dict)
    """By the service account's address: `add`, `access`, `destroy`, `list`."""
    faults: dict[str, ApiError] = field(default_factory=dict)
    """Answers in place of the true one, by the right that the request takes."""
    calls: list[str] = field(default_factory=list)
    """The rights that were used or asked for, in order."""
    _keys: dict[str, RSAKey] = field(default_factory=dict)
    _callers: dict[str, str] = field(default_factory=dict)
    """Addresses by access token."""

    def account(self, rights: Sequence[str]) -> Mapping[str, str]:
        """A new service account's key file."""
        key = new_key()
        address = f"account-{uuid4().hex[:8]}@{PROJECT}.iam.gserviceaccount.com"
        self._keys[address] = key
        self.rights[address] = set(rights)
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": uuid4().hex,
            "private_key": key.as_pem(private=True).decode(),
            "client_email": address,
            "client_id": "1",
            "token_uri": f"https://{self.endpoint}/token",
        }

    def log_in(self, form: Mapping[str, Sequence[str]]) -> tuple[int, Mapping[str, Any]]:
        """Exchanges a signed statement for an access token; returns the answer's code and body."""
        statement = form["assertion"][0]
        claims = json.loads(base64.urlsafe_b64decode(statement.split(".")[1] + "=="))
        address = str(claims["iss"])
        expected = jwt.JWTClaimsRegistry(
            aud={"essential": True, "value": _AUDIENCE},
            scope={"essential": True, "value": SCOPE},
            exp={"essential": True},
        )
        try:
            signed = jwt.decode(statement, self._keys[address], algorithms=["RS256"])
            expected.validate(signed.claims)
        except JoseError as error:
            return 400, {"error": "invalid_grant", "error_description": f"Invalid JWT: {error}"}
        token = uuid4().hex
        self._callers[token] = address
        return 200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}

    def call(self, method: str, path: str, token: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer to one request."""
        found = _PATH.fullmatch(path)
        if found is None:
            raise ApiError("NOT_FOUND", "The requested URL was not found on this server.")
        verb = "add" if found["add"] else found["verb"] or "list"
        self.calls.append(verb)
        if token not in self._callers or _METHODS[verb] != method:
            raise ApiError("UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if verb in self.faults:
            raise self.faults[verb]
        name = f"projects/{PROJECT_NUMBER}/{found['rest']}"
        if verb not in self.rights[self._callers[token]]:
            right = f"secretmanager.versions.{verb}"
            raise ApiError(
                "PERMISSION_DENIED",
                f"Permission '{right}' denied for resource '{name}' (or it may not exist).",
            )
        if found["name"] not in self.secrets:
            raise ApiError("NOT_FOUND", f"Secret [{name}] not found.")
        secret = self.secrets[found["name"]]
        match verb:
            case "add":
                return _add(secret, name, body["payload"])
            case "list":
                return _list(secret, name)
            case _:
                return _use(secret, name, verb, int(found["number"]))


def _add(secret: Secret, name: str, payload: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        data = base64.b64decode(payload["data"], validate=True)
    except binascii.Error:
        raise ApiError("INVALID_ARGUMENT", f"Base64 decoding failed for {payload['data']!r}") from None
    if len(data) > _LARGEST_BYTES:
        raise ApiError("INVALID_ARGUMENT", "The payload is larger than 65536 bytes.")
    checksum = None if secret.checksum_lost else payload.get("dataCrc32c")
    if checksum not in (None, str(crc32c(data))):
        raise ApiError("INVALID_ARGUMENT", "The payload's data_crc32c is another one than the data's.")
    secret.versions.append(Version(data, checked=checksum is not None))
    return _described(secret, name, len(secret.versions))


def _list(secret: Secret, name: str) -> Mapping[str, Any]:
    """The newest; a secret without versions has no list at all."""
    listed = len(secret.versions) - secret.unlisted
    numbers = range(listed, max(0, listed - _LIST_PAGE), -1)
    versions = [_described(secret, name, number) for number in numbers]
    more = {"nextPageToken": "more"} if listed > _LIST_PAGE else {}
    return {**({"versions": versions} if versions else {}), "totalSize": listed, **more}


def _use(secret: Secret, name: str, verb: str, number: int) -> Mapping[str, Any]:
    version_name = f"{name}/versions/{number}"
    if not 0 < number <= len(secret.versions):
        raise ApiError("NOT_FOUND", f"Secret Version [{version_name}] not found.")
    version = secret.versions[number - 1]
    if verb == "access":
        version.refuse_unless_enabled(version_name)
        data = bytes([version.data[0] ^ 1]) + version.data[1:] if secret.damaged else version.data
        payload = {"data": base64.b64encode(data).decode(), "dataCrc32c": str(crc32c(version.data))}
        return {"name": version_name, "payload": payload}
    if version.state == "DESTROYED":
        version.refuse_unless_enabled(version_name)
    version.state = "DISABLED" if secret.destroy_delay else "DESTROYED"
    version.destruction_scheduled = secret.destroy_delay
    return _described(secret, name, number)


def _described(secret: Secret, name: str, number: int) -> Mapping[str, Any]:
    version = secret.versions[number - 1]
    times = {"scheduledDestroyTime": "2040-01-01T00:00:00Z"} if version.destruction_scheduled else {}
    checked = {"clientSpecifiedPayloadChecksum": True} if version.checked else {}
    return {"name": f"{name}/versions/{number}", "state": version.state, **checked, **times}


def crc32c(data: bytes) -> int:
    """The checksum, bit by bit: https://www.rfc-editor.org/rfc/rfc3720#section-12.1."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = (remainder >> 1) ^ (0x82F63B78 if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF


def _respond(service: SecretManager, asked: Request) -> Response:
    if asked.path == "/token":
        code, answer = service.log_in(parse_qs(asked.get_data(as_text=True)))
        return _json(code, answer)
    token = asked.headers.get("Authorization", "").removeprefix("Bearer ")
    path = asked.full_path.removesuffix("?")
    try:
        return _json(200, service.call(asked.method, path, token, json.loads(asked.data or b"{}")))
    except ApiError as error:
        code = _CODES[error.status]
        details = [{"reason": error.reason}] if error.reason else []
        described = {"code": code, "message": str(error), "status": error.status, "details": details}
        return _json(code, {"error": described})


def _json(code: int, answer: Mapping[str, Any]) -> Response:
    return Response(json.dumps(answer), code, content_type="application/json; charset=UTF-8")


@contextlib.contextmanager
def run_secret_manager(directory: Path) -> Iterator[SecretManager]:
    """The service on a free port, with a certificate from an authority in ``directory``."""
    authority = CertificateAuthority.load_or_create(directory, "google")
    issued = authority.issue("server", "secretmanager", addresses=["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    service = SecretManager(authority=authority.certificate)
    with http_server(partial(_respond, service), context) as port:
        service.endpoint = f"127.0.0.1:{port}"
        yield service

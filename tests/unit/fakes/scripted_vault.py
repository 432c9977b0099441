"""An HTTP server that answers as a Vault would, by a script, and records what it was asked."""

import base64
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request as HttpRequest
from werkzeug.wrappers import Response

from sandbox.certificates import CertificateAuthority
from tests.http_server import http_server

ROOT_TOKEN = "hvs.root-token"
SHARES = [f"c2hhcmUt{number}" for number in range(5)]

SEAL_STATUS = "GET /v1/sys/seal-status"
SEAL_BACKEND_STATUS = "GET /v1/sys/seal-backend-status"
INIT = "PUT /v1/sys/init"
UNSEAL = "PUT /v1/sys/unseal"
LOOKUP_SELF = "GET /v1/auth/token/lookup-self"
REVOKE_SELF = "POST /v1/auth/token/revoke-self"
LEADER = "GET /v1/sys/leader"
STEP_DOWN = "PUT /v1/sys/step-down"
ROOT_ATTEMPT = "GET /v1/sys/generate-root/attempt"
START_ROOT = "PUT /v1/sys/generate-root/attempt"
CANCEL_ROOT = "DELETE /v1/sys/generate-root/attempt"
UPDATE_ROOT = "PUT /v1/sys/generate-root/update"
REKEY = "GET /v1/sys/rekey-recovery-key/init"
START_REKEY = "PUT /v1/sys/rekey-recovery-key/init"
CANCEL_REKEY = "DELETE /v1/sys/rekey-recovery-key/init"
UPDATE_REKEY = "PUT /v1/sys/rekey-recovery-key/update"
VERIFY_REKEY = "PUT /v1/sys/rekey-recovery-key/verify"
AUTOPILOT_STATE = "GET /v1/sys/storage/raft/autopilot/state"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    body: Mapping[str, Any]
    status: int = 200
    location: str = ""
    """Where a redirect leads."""


@dataclass(frozen=True)
class Request:
    """One HTTP request."""

    call: str
    """Method and path."""
    body: Mapping[str, Any]
    token: str


@dataclass
class ScriptedVault:
    """Answers in the order of the script; the last answer to a call is given again and again."""

    address: str
    script: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    tokens: frozenset[str] | None = None
    """Tokens that Vault 2.x takes; None for an earlier Vault, which wants none beside shares."""
    unauthenticated: Sequence[str] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answers(self, call: str, *answers: Answer) -> None:
        """Sets the answers to one call."""
        self.script[call] = list(answers)

    def wants_tokens(self, *tokens: str, unauthenticated: Sequence[str] = ()) -> None:
        """Answers as Vault 2.x does, which wants a valid token for what takes shares.

        The exception are the families in `enable_unauthenticated_access`. Source: Important changes, in
        Vault's documents on upgrading to 2.x.
        """
        self.tokens, self.unauthenticated = frozenset(tokens), unauthenticated

    def _forbids(self, request: Request) -> bool:
        path = request.call.partition("/v1/sys/")[2]
        family = next((name for name in ("generate-root", "rekey") if path.startswith(name)), None)
        if self.tokens is None or family is None or family in self.unauthenticated:
            return False
        return request.token not in self.tokens

    def asked(self, call: str) -> list[Request]:
        """Every request of that kind."""
        return [request for request in self.requests if request.call == call]

    def unsealed_with(self) -> list[str]:
        """The shares that were submitted since the last reset, without which one left there would count."""
        bodies = [request.body for request in self.asked(UNSEAL)]
        last = max(number for number, body in enumerate(bodies) if body.get("reset"))
        return [str(body["key"]) for body in bodies[last + 1 :]]

    def answer(self, request: Request) -> Answer:
        """The next answer of the script."""
        with self._lock:
            self.requests.append(request)
            if self._forbids(request):
                return error(403, "permission denied")
            answers = self.script.get(request.call)
            if answers is None:
                return Answer({"errors": [f"not in the script: {request.call}"]}, 404)
            return answers.pop(0) if len(answers) > 1 else answers[0]


# What a server of two answers to LEADER.
LEADS = Answer({"ha_enabled": True, "is_self": True, "leader_address": "http://vault-0:8200"})
FOLLOWS = Answer({"ha_enabled": True, "is_self": False, "leader_address": "http://vault-1:8200"})


def seal_status(
    seal_type: str = "awskms", *, initialized: bool = False, sealed: bool = True, cluster_id: str = ""
) -> Answer:
    """An answer of `sys/seal-status`."""
    recovery = {"recovery_seal": True} if seal_type != "shamir" else {}
    cluster = {"cluster_id": cluster_id} if cluster_id else {}
    return Answer(
        {
            "type": seal_type,
            "initialized": initialized,
            "sealed": sealed,
            "version": "1.18.1",
            **recovery,
            **cluster,
        }
    )


def init_answer(*, recovery: bool) -> Answer:
    """An answer of `sys/init`."""
    if recovery:
        shares = {"keys": [], "keys_base64": [], "recovery_keys": SHARES, "recovery_keys_base64": SHARES}
    else:
        shares = {"keys": SHARES, "keys_base64": SHARES}
    return Answer({**shares, "root_token": ROOT_TOKEN})


def no_content() -> Answer:
    """An answer without a body."""
    return Answer({}, 204)


def root_generation(*, nonce: str = "", required: int = 3, progress: int = 0) -> Answer:
    """An answer of `sys/generate-root/attempt`; without a nonce, no attempt is running."""
    return Answer({"started": bool(nonce), "nonce": nonce, "required": required, "progress": progress})


def root_generation_started(*, nonce: str, pad: str, required: int = 3) -> Answer:
    """An answer to the start of an attempt."""
    return Answer({"started": True, "nonce": nonce, "required": required, "progress": 0, "otp": pad})


def root_generation_done(*, token: str, pad: str) -> Answer:
    """An answer to the last share, with the token as Vault encodes it."""
    encoded = bytes(left ^ right for left, right in zip(token.encode(), pad.encode(), strict=True))
    return Answer({"complete": True, "encoded_token": base64.b64encode(encoded).decode().rstrip("=")})


def error(status: int, *errors: str) -> Answer:
    """An error answer."""
    return Answer({"errors": list(errors)}, status)


@contextlib.contextmanager
def serve_scripted_vault(
    authority: CertificateAuthority | None = None, names: Sequence[str] = ()
) -> Iterator[ScriptedVault]:
    """A scripted Vault on a free port of the loopback; over TLS with a certificate of the authority.

    The certificate is for these names, or else for the address.
    """

    def respond(asked: HttpRequest) -> Response:
        token = asked.headers.get("X-Vault-Token", "")
        answer = vault.answer(Request(f"{asked.method} {asked.path}", json.loads(asked.data or b"{}"), token))
        # A 204 has no body; what came would be taken for the next answer.
        payload = "" if answer.status == 204 else json.dumps(answer.body)
        headers = {"Location": answer.location} if answer.location else {}
        return Response(payload, answer.status, headers, content_type="application/json")

    vault = ScriptedVault("")
    tls = None
    if authority is not None:
        addresses = [] if names else ["127.0.0.1"]
        issued = authority.issue("vault", "vault", names=names, addresses=addresses)
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(issued.certificate, issued.key)
    with http_server(respond, tls) as port:
        vault.address = f"{'http' if tls is None else 'https'}://127.0.0.1:{port}"
        yield vault

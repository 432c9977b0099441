"""STS and KMS over HTTP that answer by a script, in the shapes of AWS."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

ASSUME_ROLE = "AssumeRoleWithWebIdentity"
Answer = tuple[int, Mapping[str, Any]]
"""Status and fields."""


@dataclass(frozen=True)
class AwsRequest:
    action: str
    fields: Mapping[str, Any]
    access_key_id: str
    """Who signed it; empty where nobody did."""


@dataclass
class ScriptedAws:
    """Does what a role may do with a key, but for what a test scripts."""

    key: Mapping[str, Any]
    """What DescribeKey tells of the key."""
    address: str = ""
    requests: list[AwsRequest] = field(default_factory=list)
    session_seconds: float = 900
    """How long credentials last; those that are over are refused."""
    _scripted: dict[str, list[Callable[[], Answer]]] = field(default_factory=dict)
    _sessions: dict[str, datetime] = field(default_factory=dict)

    def answers_once(self, action: str, status: int, **fields: Any) -> None:
        """One answer, for the next call of the action that has none before it."""
        self._scripted.setdefault(action, []).append(lambda: (status, fields))

    def is_slow_once(self, action: str, seconds: float) -> None:
        def late() -> Answer:
            time.sleep(seconds)
            return 500, {"__type": "KMSInternalException", "message": "too late"}

        self._scripted.setdefault(action, []).append(late)

    def actions(self) -> list[str]:
        return [request.action for request in self.requests]

    def answer(self, request: AwsRequest) -> Answer:
        self.requests.append(request)
        scripted = self._scripted.get(request.action)
        if scripted:
            return scripted.pop(0)()
        now = datetime.now(UTC)
        if request.action == ASSUME_ROLE:
            access_key_id = f"ASIA{len(self._sessions):016}"
            self._sessions[access_key_id] = now + timedelta(seconds=self.session_seconds)
            return 200, {"AccessKeyId": access_key_id, "Expiration": self._sessions[access_key_id]}
        if self._sessions.get(request.access_key_id, now) <= now:
            return 400, {"__type": "ExpiredTokenException", "message": "The security token has expired"}
        match request.action:
            case "DescribeKey":
                return 200, {"KeyMetadata": self.key}
            case "Encrypt":
                return 200, {"CiphertextBlob": base64.b64encode(_box(request.fields)).decode()}
            case "Decrypt":
                box = json.loads(base64.b64decode(request.fields["CiphertextBlob"]))
                return 200, {"Plaintext": box["Plaintext"]}
        return 400, {"__type": "UnsupportedOperationException", "message": request.action}


def _box(fields: Mapping[str, Any]) -> bytes:
    return json.dumps({"Plaintext": fields["Plaintext"]}).encode()


@contextmanager
def serve_scripted_aws(key: Mapping[str, Any]) -> Iterator[ScriptedAws]:
    """A scripted AWS on a free port of the loopback."""
    aws = ScriptedAws(key)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            authorization = self.headers.get("Authorization", "")
            signer = authorization.partition("Credential=")[2].partition("/")[0]
            target = self.headers.get("X-Amz-Target", "").removeprefix("TrentService.")
            if target:
                status, fields = aws.answer(AwsRequest(target, json.loads(body), signer))
                content, kind = json.dumps(fields), "application/x-amz-json-1.1"
            else:
                form = {name: values[0] for name, values in parse_qs(body).items()}
                status, fields = aws.answer(AwsRequest(form["Action"], form, signer))
                content, kind = _sts_xml(fields), "text/xml"
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        aws.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield aws
        finally:
            server.shutdown()
            thread.join()


def _sts_xml(fields: Mapping[str, Any]) -> str:
    if "Code" in fields:
        error = f"<Code>{fields['Code']}</Code><Message>{fields['Message']}</Message>"
        return f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
    return (
        f"<{ASSUME_ROLE}Response><{ASSUME_ROLE}Result><Credentials>"
        f"<AccessKeyId>{fields['AccessKeyId']}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
        f"<SessionToken>session</SessionToken><Expiration>{fields['Expiration'].isoformat()}</Expiration>"
        f"</Credentials></{ASSUME_ROLE}Result></{ASSUME_ROLE}Response>"
    )

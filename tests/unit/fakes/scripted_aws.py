"""STS and KMS over HTTP that answer by a script, in the shapes of AWS."""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from tests.http_server import http_server
from tests.unit.fakes.commands_on_path import only_commands

ASSUME_ROLE = "AssumeRoleWithWebIdentity"
TOKEN = "the.token.itself"
TOKEN_ANSWER = f"""echo '{{"status": {{"token": "{TOKEN}"}}}}'"""
"""kubectl's answer to a request of a service account's token, as a script."""
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

    def respond(asked: Request) -> Response:
        signer = asked.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
        target = asked.headers.get("X-Amz-Target", "").removeprefix("TrentService.")
        if target:
            status, fields = aws.answer(AwsRequest(target, json.loads(asked.data), signer))
            return Response(json.dumps(fields), status, content_type="application/x-amz-json-1.1")
        status, fields = aws.answer(AwsRequest(asked.form["Action"], asked.form.to_dict(), signer))
        return Response(_sts_xml(fields), status, content_type="text/xml")

    with http_server(respond) as port:
        aws.address = f"http://127.0.0.1:{port}"
        yield aws


@contextmanager
def provide_aws(
    monkeypatch: pytest.MonkeyPatch, folder: Path, key: Mapping[str, Any]
) -> Iterator[ScriptedAws]:
    """A scripted AWS that the SDK is led to with a person's credentials, and a kubectl that issues tokens."""
    only_commands(monkeypatch, folder, kubectl=TOKEN_ANSWER)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHEPERSON")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with serve_scripted_aws(key) as scripted:
        monkeypatch.setenv("AWS_ENDPOINT_URL", scripted.address)
        yield scripted


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

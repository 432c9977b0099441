"""KMS on the loopback, by moto, that can be told to deny actions."""

import contextlib
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from wsgiref.types import StartResponse, WSGIEnvironment

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

REGION = "ap-northeast-2"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass
class KeyService:
    """A running KMS with one key."""

    address: str
    denied: set[str] = field(default_factory=set)
    """Actions (`Encrypt`) that are answered as IAM does where a policy is missing."""
    key_id: str = ""

    @property
    def environment(self) -> Mapping[str, str]:
        """What leads Vault's awskms seal here; static credentials instead of a pod's identity."""
        return {**CREDENTIALS, "AWS_KMS_ENDPOINT": self.address}


class _Front:
    """Denies before moto answers; moto's own enforcement doesn't know resources."""

    def __init__(self) -> None:
        self.denied: set[str] = set()
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        action = environ.get("HTTP_X_AMZ_TARGET", "").removeprefix("TrentService.")
        if action not in self.denied:
            answer: Iterable[bytes] = self._moto(environ, start_response)
            return answer
        message = f"User is not authorized to perform: kms:{action}"
        body = json.dumps({"__type": "AccessDeniedException", "message": message}).encode()
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body)))]
        start_response("400 Bad Request", headers)
        return [body]


@contextlib.contextmanager
def run_key_service() -> Iterator[KeyService]:
    """A KMS on a free port, with a key."""
    front = _Front()
    server = make_server("127.0.0.1", 0, front, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        service = KeyService(f"http://127.0.0.1:{server.server_port}", denied=front.denied)
        client = boto3.client(
            "kms",
            region_name=REGION,
            endpoint_url=service.address,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        service.key_id = client.create_key()["KeyMetadata"]["KeyId"]
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

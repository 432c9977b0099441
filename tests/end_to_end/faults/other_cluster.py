"""A Kubernetes API server that is the sandbox's in everything but its identity."""

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.end_to_end.faults.kubernetes_api import KubernetesApi

IDENTITY_PATH = "/api/v1/namespaces/kube-system"
OTHER_UID = "00000000-0000-4000-8000-000000000000"


class OtherCluster(ThreadingHTTPServer):
    """Hands questions on, and answers who it is by itself. Refuses and remembers everything that writes."""

    daemon_threads = True

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = KubernetesApi(kubeconfig, folder)
        self.writes: list[str] = []
        self.asked_who_it_is = 0
        document: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
        document["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self.server_port}"}
        document["users"][0]["user"] = {}
        self.kubeconfig = folder / "kubeconfig"
        """Leads here by the same context."""
        self.kubeconfig.write_text(yaml.safe_dump(document))


@contextmanager
def other_cluster(kubeconfig: Path) -> Iterator[OtherCluster]:
    """Serves for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as folder, OtherCluster(kubeconfig, Path(folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OtherCluster

    def do_GET(self) -> None:
        """A question."""
        path = self.path.partition("?")[0]
        asked = path == IDENTITY_PATH
        answer = self.server.api.get(
            self.path, "application/json" if asked else self.headers.get("Accept", "*/*")
        )
        body = answer.content
        if asked:
            self.server.asked_who_it_is += 1
            namespace = answer.json()
            namespace["metadata"]["uid"] = OTHER_UID
            body = json.dumps(namespace).encode()
        self._respond(answer.status_code, answer.headers.get("Content-Type", "text/plain"), body)

    def do_write(self) -> None:
        """Everything else."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.writes.append(f"{self.command} {self.path}")
        self._respond(403, "text/plain", b"this cluster is only looked at\n")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_write  # noqa: N815

    def _respond(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""

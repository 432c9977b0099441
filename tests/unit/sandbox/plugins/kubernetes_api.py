"""A Kubernetes API server that knows namespaces only, for tests on loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml


class NamespaceServer(ThreadingHTTPServer):
    """Holds namespaces by name, and every request that came in."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.namespaces: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.reads_until_gone = 0
        """How often a deleted namespace is still seen."""

    @property
    def kubeconfig(self) -> str:
        """A kubeconfig that leads here."""
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
                "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{self.server_port}"}}],
                "users": [{"name": "me", "user": {"token": "t"}}],
            }
        )


@contextmanager
def namespace_server() -> Iterator[NamespaceServer]:
    """A server that runs for a while."""
    server = NamespaceServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: NamespaceServer

    def do_GET(self) -> None:
        self._record()
        name = self._name()
        if name is None:
            self._answer(200, {"kind": "APIResourceList"})
        elif name not in self.server.namespaces:
            self._fail(404, "NotFound", f'namespaces "{name}" not found')
        else:
            namespace = self.server.namespaces[name]
            if "deletionTimestamp" in namespace["metadata"]:
                self.server.reads_until_gone -= 1
                if self.server.reads_until_gone < 0:
                    del self.server.namespaces[name]
                    self._fail(404, "NotFound", f'namespaces "{name}" not found')
                    return
            self._answer(200, namespace)

    def do_POST(self) -> None:
        query, body = self._record()
        name = body["metadata"]["name"]
        if name in self.server.namespaces:
            self._fail(409, "AlreadyExists", f'namespaces "{name}" already exists')
            return
        made = json.loads(json.dumps(body))
        made["metadata"].update(uid="uid-1", resourceVersion="1")
        made["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
        made["metadata"]["managedFields"] = [{"manager": query["fieldManager"], "operation": "Update"}]
        made["status"] = {"phase": "Active"}
        if query.get("dryRun") != "All":
            self.server.namespaces[name] = made
        self._answer(201, made)

    def do_PATCH(self) -> None:
        query, body = self._record()
        namespace = self.server.namespaces[str(self._name())]
        if isinstance(body, list):
            namespace["metadata"]["managedFields"] = body[0]["value"]
        else:
            manager = {"manager": query["fieldManager"], "operation": "Apply"}
            if manager not in namespace["metadata"]["managedFields"]:
                self._fail(409, "Conflict", "Apply failed with 1 conflict: conflict with another manager")
                return
            namespace["metadata"].update(body["metadata"])
        self._answer(200, namespace)

    def do_DELETE(self) -> None:
        self._record()
        name = str(self._name())
        if name not in self.server.namespaces:
            self._fail(404, "NotFound", f'namespaces "{name}" not found')
            return
        self.server.namespaces[name]["metadata"]["deletionTimestamp"] = "now"
        self._answer(200, self.server.namespaces[name])

    def _name(self) -> str | None:
        return urlsplit(self.path).path.removeprefix("/api/v1").removeprefix("/namespaces").strip("/") or None

    def _record(self) -> tuple[dict[str, str], Any]:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.server.requests.append((self.command, self.path, body))
        return {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}, body

    def _fail(self, status: int, reason: str, message: str) -> None:
        self._answer(status, {"kind": "Status", "reason": reason, "message": message, "code": status})

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Silent."""

"""A Kubernetes API server that knows namespaces only, for tests on loopback."""

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml
from werkzeug.wrappers import Request, Response

from tests.http_server import http_server

_Answer = tuple[int, Mapping[str, Any]]


@dataclass
class NamespaceServer:
    """Holds namespaces by name, and every request that came in."""

    server_port: int = 0
    namespaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    reads_until_gone: int = 0
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

    def answer(self, asked: Request) -> Response:
        """Answer one request."""
        body = json.loads(asked.data) if asked.data else None
        self.requests.append((asked.method, asked.environ["REQUEST_URI"], body))
        name = asked.path.removeprefix("/api/v1").removeprefix("/namespaces").strip("/")
        match asked.method:
            case "GET":
                status, document = self._read(name)
            case "POST":
                status, document = self._create(asked.args, body)
            case "PATCH":
                status, document = self._update(self.namespaces[name], asked.args, body)
            case "DELETE":
                status, document = self._delete(name)
            case method:
                raise NotImplementedError(method)
        return Response(json.dumps(document), status, content_type="application/json")

    def _read(self, name: str) -> _Answer:
        if not name:
            return 200, {"kind": "APIResourceList"}
        if "deletionTimestamp" in self.namespaces.get(name, {}).get("metadata", {}):
            self.reads_until_gone -= 1
            if self.reads_until_gone < 0:
                del self.namespaces[name]
        return (200, self.namespaces[name]) if name in self.namespaces else _not_found(name)

    def _create(self, query: Mapping[str, str], body: Any) -> _Answer:
        name = body["metadata"]["name"]
        if name in self.namespaces:
            return _failure(409, "AlreadyExists", f'namespaces "{name}" already exists')
        made = copy.deepcopy(body)
        made["metadata"].update(uid="uid-1", resourceVersion="1")
        made["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
        made["metadata"]["managedFields"] = [{"manager": query["fieldManager"], "operation": "Update"}]
        made["status"] = {"phase": "Active"}
        if query.get("dryRun") != "All":
            self.namespaces[name] = made
        return 201, made

    def _update(self, namespace: dict[str, Any], query: Mapping[str, str], body: Any) -> _Answer:
        metadata = namespace["metadata"]
        if isinstance(body, list):
            metadata["managedFields"] = body[0]["value"]
        elif query["force"] == "true" or (
            {"manager": query["fieldManager"], "operation": "Apply"} in metadata["managedFields"]
        ):
            metadata.update(body["metadata"])
        else:
            return _failure(409, "Conflict", "Apply failed with 1 conflict: conflict with another manager")
        return 200, namespace

    def _delete(self, name: str) -> _Answer:
        if name not in self.namespaces:
            return _not_found(name)
        self.namespaces[name]["metadata"]["deletionTimestamp"] = "now"
        return 200, self.namespaces[name]


def _not_found(name: str) -> _Answer:
    return _failure(404, "NotFound", f'namespaces "{name}" not found')


def _failure(status: int, reason: str, message: str) -> _Answer:
    return status, {"kind": "Status", "reason": reason, "message": message, "code": status}


@contextmanager
def namespace_server() -> Iterator[NamespaceServer]:
    """A server that runs for a while."""
    server = NamespaceServer()
    with http_server(server.answer) as server.server_port:
        yield server

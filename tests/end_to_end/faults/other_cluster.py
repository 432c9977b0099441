"""A Kubernetes API server that is the sandbox's in everything but its identity."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from werkzeug.wrappers import Request, Response

from tests.end_to_end.faults.kubernetes_api import KubernetesApi
from tests.http_server import http_server

IDENTITY_PATH = "/api/v1/namespaces/kube-system"
OTHER_UID = "00000000-0000-4000-8000-000000000000"


@dataclass
class OtherCluster:
    """Hands questions on, and answers who it is by itself. Refuses and remembers everything that writes."""

    api: KubernetesApi
    kubeconfig: Path
    """Leads here by the same context."""
    writes: list[str] = field(default_factory=list)
    asked_who_it_is: int = 0

    def answer(self, asked: Request) -> Response:
        """Answer one request."""
        path = asked.environ["REQUEST_URI"]
        if asked.method != "GET":
            self.writes.append(f"{asked.method} {path}")
            return Response("this cluster is only looked at\n", 403, content_type="text/plain")
        if asked.path != IDENTITY_PATH:
            answer = self.api.get(path, asked.headers.get("Accept", "*/*"))
            content_type = answer.headers.get("Content-Type", "text/plain")
            return Response(answer.content, answer.status_code, content_type=content_type)
        self.asked_who_it_is += 1
        answer = self.api.get(path)
        namespace = answer.json()
        namespace["metadata"]["uid"] = OTHER_UID
        return Response(json.dumps(namespace), answer.status_code, content_type="application/json")


@contextmanager
def other_cluster(kubeconfig: Path) -> Iterator[OtherCluster]:
    """Serves for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        other = OtherCluster(KubernetesApi(kubeconfig, folder), folder / "kubeconfig")
        with http_server(other.answer) as port:
            document: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
            document["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{port}"}
            document["users"][0]["user"] = {}
            other.kubeconfig.write_text(yaml.safe_dump(document))
            yield other

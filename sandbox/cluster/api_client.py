"""The few calls that the sandbox itself makes to its API server."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sandbox.certificates import IssuedCertificate
from sandbox.errors import SandboxError
from sandbox.network import API_SERVER_URL

JsonObject = dict[str, Any]
"""An object of the Kubernetes API, as its reference describes it."""

_REQUEST_TIMEOUT_SECONDS = 10
# The server ends a watch after this time, and the client reads on from a new one; a connection that died
# silently is noticed a little later.
_WATCH_SECONDS = 300


class ApiRequestError(SandboxError):
    """The API server refused a request. ``status`` is the HTTP status."""

    def __init__(self, method: str, path: str, status: int, message: str) -> None:
        super().__init__(f"Kubernetes API: {method} {path}: {status} {message}")
        self.status = status


class KubernetesApi:
    """JSON requests to the sandbox's API server with one client certificate."""

    def __init__(self, authority: Path, client: IssuedCertificate) -> None:
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(client.certificate, client.key)
        # Proxies of the caller's environment have no business with an address of this machine.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def get(self, path: str) -> JsonObject:
        """Read one object or list. Raises ApiRequestError, and OSError when the server is not reached."""
        return self._json("GET", path, None)

    def create(self, path: str, body: Mapping[str, Any]) -> JsonObject:
        """Create an object in the collection ``path``. Raises as `get` does; 409 when it exists."""
        return self._json("POST", path, body)

    def delete(self, path: str) -> None:
        """Delete one object. Raises as `get` does; 404 when there is none."""
        self._json("DELETE", path, None)

    def is_ready(self) -> bool:
        """Whether the server says that it is ready.

        https://kubernetes.io/docs/reference/using-api/health-checks/
        """
        try:
            with self._open("GET", "/readyz", None, _REQUEST_TIMEOUT_SECONDS):
                return True
        except (ApiRequestError, OSError):
            return False

    def watch(self, path: str) -> Iterator[JsonObject]:
        """Every object of the collection ``path``, then each one again as it changes, without end.

        Deleted objects are left out. Now and then all objects come again. Raises as `get` does.
        """
        while True:
            listed = self.get(path)
            yield from listed["items"]
            version = listed["metadata"]["resourceVersion"]
            query = f"{path}?watch=1&resourceVersion={version}&timeoutSeconds={_WATCH_SECONDS}"
            with self._open("GET", query, None, _WATCH_SECONDS + _REQUEST_TIMEOUT_SECONDS) as response:
                for line in response:
                    event = json.loads(line)
                    if event["type"] == "ERROR":  # the version is too old by now: list again
                        break
                    if event["type"] in {"ADDED", "MODIFIED"}:
                        yield event["object"]

    def _json(self, method: str, path: str, body: Mapping[str, Any] | None) -> JsonObject:
        with self._open(method, path, body, _REQUEST_TIMEOUT_SECONDS) as response:
            answer: JsonObject = json.load(response)
            return answer

    def _open(self, method: str, path: str, body: Mapping[str, Any] | None, timeout_seconds: int) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the URL is this module's own, and https
            API_SERVER_URL + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
        try:
            return self._opener.open(request, timeout=timeout_seconds)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode("utf-8", errors="replace")
            raise ApiRequestError(method, path, error.code, _message(text)) from error


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip()

"""Requests to a Kubernetes API server."""

import http.client
import json
import os
import ssl
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode, urlsplit

from sandbox.plugins.json_values import Json
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings, Credentials, KubeconfigError
from sandbox.plugins.provider import EngineLog, ProviderError

_TIMEOUT_SECONDS = 32.0
"""As long as the real plugin waits for one answer."""

_NO_CLIENT_CONFIGURATION = (
    "unable to load Kubernetes client configuration from kubeconfig file. Make sure you have: \n\n \t • set "
    "up the provider as per https://www.pulumi.com/registry/packages/kubernetes/installation-configuration/"
)
DELETE_UNREACHABLE = (
    "If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation "
    'with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
)


def deletes_unreachable() -> bool:
    """Return whether the environment says that resources of an unreachable cluster are deleted."""
    return os.environ.get("PULUMI_K8S_DELETE_UNREACHABLE") == "true"


class ApiError(ProviderError):
    """The API server refused; the message is its own."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        """Kubernetes' word for the kind of error, such as ``AlreadyExists``."""


class UnreachableError(ProviderError):
    """No answer from the API server."""


class KubernetesApi:
    """One cluster's API server."""

    def __init__(self, settings: ClusterSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()

    @cached_property
    def unreachable_reason(self) -> str | None:
        """Why the cluster can't be worked with, found out once; ``None`` if it can."""
        try:
            self.request("GET", "/api/v1")
        except KubeconfigError as error:
            if "kubernetes:config:kubeconfig" in str(error):
                return str(error)
            return f"{_NO_CLIENT_CONFIGURATION} \n\n {error}"
        except (UnreachableError, ApiError) as error:
            return f"unable to load schema information from the API server: {error}"
        return None

    def readable(self, log: EngineLog, urn: str) -> bool:
        """Return whether a refresh can read; raise :class:`ProviderError` if it neither can nor is to forget.

        The real plugin takes everything in an unreachable cluster for deleted if its variable says so.
        """
        if (reason := self.unreachable_reason) is None:
            return True
        log("warning", f"configured Kubernetes cluster is unreachable: {reason}", urn)
        if deletes_unreachable():
            return False
        raise ProviderError(f"failed to read resource state due to unreachable cluster. {DELETE_UNREACHABLE}")

    def request(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Json]:
        """Send one request; JSON both ways.

        Raises :class:`ApiError` when the server refuses, :class:`UnreachableError` when it does not answer,
        and :class:`KubeconfigError` when the kubeconfig leads nowhere.
        """
        credentials = self._credentials
        target = path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json", "User-Agent": "pulumi-kubernetes/stand-in"}
        if body is not None:
            headers["Content-Type"] = content_type
        if credentials.token is not None:
            headers["Authorization"] = f"Bearer {credentials.token}"
        connection = self._connect()
        try:
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(self._connection_error(method, target, error)) from error
        finally:
            connection.close()
        try:
            answer = json.loads(content)
        except ValueError:
            answer = {"message": content.decode(errors="replace").strip()}
        if response.status >= http.client.BAD_REQUEST:
            raise ApiError(response.status, str(answer.get("reason", "")), _message(response.status, answer))
        return dict(answer)

    @cached_property
    def _credentials(self) -> Credentials:
        with self._lock:
            return self.settings.credentials()

    def _connect(self) -> http.client.HTTPConnection:
        url = urlsplit(self.settings.server)
        if url.scheme == "http":
            return http.client.HTTPConnection(url.hostname or "", url.port, timeout=_TIMEOUT_SECONDS)
        return http.client.HTTPSConnection(
            url.hostname or "", url.port, timeout=_TIMEOUT_SECONDS, context=self._tls
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        cluster = self.settings.active_cluster
        if unsupported := cluster.keys() & {"insecure-skip-tls-verify", "proxy-url", "tls-server-name"}:
            raise KubeconfigError(
                f"the stand-in does not implement {', '.join(sorted(unsupported))} of a kubeconfig"
            )
        authority = self.settings.certificate_authority
        context = ssl.create_default_context(cadata=None if authority is None else authority.decode())
        credentials = self._credentials
        if credentials.certificate is not None and credentials.key is not None:
            # Python's ssl takes client certificates from files only; they are gone before the first request.
            with TemporaryDirectory(prefix="kubernetes-client-") as folder:
                pair = Path(folder) / "pair.pem"
                pair.touch(mode=0o600)
                pair.write_bytes(credentials.certificate + b"\n" + credentials.key)
                context.load_cert_chain(pair)
        return context

    def _connection_error(self, method: str, target: str, error: Exception) -> str:
        """Return the words of Go's HTTP client, in which the real plugin reports it."""
        url = urlsplit(self.settings.server)
        verb = method.capitalize()
        address = f"{url.hostname}:{url.port or 443}"
        cause = (
            f"dial tcp {address}: connect: connection refused"
            if isinstance(error, ConnectionRefusedError)
            else str(error)
        )
        return f'{verb} "{self.settings.server}{target}": {cause}'


def _message(status: int, answer: Mapping[str, Json]) -> str:
    if status == http.client.UNAUTHORIZED:
        return "the server has asked for the client to provide credentials"
    return str(answer.get("message") or f"the server answered with status {status}")

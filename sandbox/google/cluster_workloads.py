"""Looks pods and service accounts up in the sandbox's cluster, and asks it for their tokens."""

import time
from urllib.parse import quote

from sandbox.cluster.api_client import ApiRequestError, JsonObject, KubernetesApi
from sandbox.cluster.credentials import administrator_api
from sandbox.cluster.paths import ClusterPaths
from sandbox.errors import SandboxError
from sandbox.google.metadata_server import ANNOTATION, UnknownPodError, Workload
from sandbox.layout import Layout

_TOKEN_SECONDS = 3600
_PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.1


class ClusterWorkloads:
    """The running cluster, which starts after Google does; its credentials are read at each use."""

    def __init__(self, layout: Layout) -> None:
        self._paths = ClusterPaths.of(layout)

    def at(self, address: str) -> Workload:
        """Find the workload of the pod with this address. Raises UnknownPodError.

        A pod runs a moment before the API server is told of its address, so it is asked for some seconds.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(pods := self._alive(address)) != 1:
            if time.monotonic() > deadline:
                raise UnknownPodError(f"{len(pods)} pods have the address {address}")
            time.sleep(_PAUSE_SECONDS)
        namespace = str(pods[0]["metadata"]["namespace"])
        name = str(pods[0]["spec"].get("serviceAccountName", "default"))
        account = self._get(_path(namespace, name))
        annotations = account["metadata"].get("annotations") or {}
        return Workload(namespace, name, str(annotations.get(ANNOTATION, "")))

    def _alive(self, address: str) -> list[JsonObject]:
        found = self._get(f"/api/v1/pods?fieldSelector=status.podIP%3D{quote(address, safe='')}")["items"]
        # An address is free for the next pod as soon as one has ended.
        return [
            pod
            for pod in found
            if pod["status"].get("phase") not in ("Succeeded", "Failed")
            and not pod["spec"].get("hostNetwork")
        ]

    def token(self, workload: Workload, audience: str) -> str:
        """Issue a token of its service account. Raises UnknownPodError."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [audience], "expirationSeconds": _TOKEN_SECONDS},
        }
        path = _path(workload.namespace, workload.service_account)
        try:
            return str(self._api().create(f"{path}/token", request)["status"]["token"])
        except (ApiRequestError, OSError, SandboxError) as error:
            raise UnknownPodError(str(error)) from error

    def _get(self, path: str) -> JsonObject:
        try:
            return self._api().get(path)
        except (ApiRequestError, OSError, SandboxError) as error:
            raise UnknownPodError(str(error)) from error

    def _api(self) -> KubernetesApi:
        if not self._paths.certificates.exists():
            raise SandboxError("the cluster isn't there yet")
        return administrator_api(self._paths)


def _path(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{quote(namespace)}/serviceaccounts/{quote(name)}"

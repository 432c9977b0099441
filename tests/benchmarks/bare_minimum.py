"""The least that makes the same Vault: helm install, one init call, and looking until it is healthy."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from sandbox.cluster.api_client import ApiRequestError, JsonObject, KubernetesApi
from sandbox.errors import SandboxError
from sandbox.processes import wait_until
from tests.benchmarks import vault_http
from tests.benchmarks.helm_release import HelmRelease
from tests.benchmarks.vault_cluster import POLL_SECONDS, VaultCluster, pod_address, seal_status

CHANGED_VALUES: Mapping[str, Any] = {"extraLabels": {"benchmark": "changed"}}
"""Values of the server by which all pods are outdated."""
_SHARES, _THRESHOLD = 5, 3
_START_SECONDS = 60
_INIT_SECONDS = 60
_REMOVAL_SECONDS = 120


@dataclass(frozen=True)
class BareMinimum:
    """A release without the program, in an empty namespace, on the parts of AWS that the program made."""

    api: KubernetesApi
    helm: HelmRelease
    chart: Sequence[str]
    """The chart as arguments of helm."""
    values: Mapping[str, Any]
    """The values of the program's own release."""
    secrets: Sequence[JsonObject] = field(default=(), repr=False)
    """Secrets that the pods mount, and that are there already."""
    tls: vault_http.Tls | None = None
    """None if Vault speaks plain HTTP."""

    def deploy(self) -> tuple[float, VaultCluster]:
        """Installs and initialises; the seconds from the start of helm until autopilot finds all healthy."""
        if self.secrets:
            self._make_namespace()
        started = time.monotonic()
        self.helm.install(self.chart, self.values)
        cluster = VaultCluster(self.api, self.helm.release, self._initialize(), self.tls)
        cluster.await_healthy()
        return time.monotonic() - started, cluster

    def replace_pods(self, cluster: VaultCluster) -> None:
        """Changes the release and deletes one pod after another by hand, the leader last."""
        self.helm.upgrade(self.chart, {**self.values, "server": {**self.values["server"], **CHANGED_VALUES}})
        leader = cluster.leader()["metadata"]["name"]
        for pod in sorted(cluster.pods(), key=lambda pod: bool(pod["metadata"]["name"] == leader)):
            cluster.replace_pod(pod)

    def remove(self) -> None:
        """Removes release and namespace, with the volumes in it, and waits until they are gone."""
        self.helm.uninstall()
        path = f"/api/v1/namespaces/{self.helm.release.namespace}"
        self.api.delete(path)
        wait_until("the namespace is gone", _REMOVAL_SECONDS, lambda: self._get(path) is None)

    def _make_namespace(self) -> None:
        namespace = self.helm.release.namespace
        self.api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        for secret in self.secrets:
            self.api.create(f"/api/v1/namespaces/{namespace}/secrets", secret)

    def _initialize(self) -> str:
        """One init on pod 0, as soon as it answers; returns the root token."""
        release = self.helm.release
        path = f"/api/v1/namespaces/{release.namespace}/pods/{release.statefulset}-0"

        def address() -> str | None:
            pod = self._get(path)
            return None if pod is None else pod_address(pod)

        def answers() -> bool:
            there = address()
            return there is not None and bool(seal_status(there, self.tls))

        wait_until("pod 0 answers", _START_SECONDS, answers, interval_seconds=POLL_SECONDS)
        answer = vault_http.call(
            str(address()),
            "POST",
            "sys/init",
            body={"recovery_shares": _SHARES, "recovery_threshold": _THRESHOLD},
            timeout_seconds=_INIT_SECONDS,
            tls=self.tls,
        )
        if answer is None or answer.status != HTTPStatus.OK:
            raise SandboxError(f"the init failed: {answer and answer.body.get('errors')}")
        return str(answer.body["root_token"])

    def _get(self, path: str) -> JsonObject | None:
        try:
            return self.api.get(path)
        except ApiRequestError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None


def mounted_secrets(api: KubernetesApi, namespace: str, values: Mapping[str, Any]) -> Sequence[JsonObject]:
    """Return the Secrets that a release's servers mount, as they can be created once more."""
    volumes = values["server"].get("volumes", ())
    names = [volume["secret"]["secretName"] for volume in volumes if "secret" in volume]
    found = [api.get(f"/api/v1/namespaces/{namespace}/secrets/{name}") for name in names]
    return [
        {"metadata": {"name": secret["metadata"]["name"]}, "type": secret["type"], "data": secret["data"]}
        for secret in found
    ]

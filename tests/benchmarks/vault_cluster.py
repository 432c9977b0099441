"""A deployed Vault as the benchmark sees it: its pods by address, and what autopilot says of them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sandbox.cluster.api_client import JsonObject, KubernetesApi
from sandbox.errors import SandboxError
from sandbox.processes import wait_until
from tests.benchmarks import vault_http

POLL_SECONDS = 0.05
HEALTHY_SECONDS = 120
_SERVERS = "labelSelector=component%3Dserver"
_MOUNT = "benchmark"


@dataclass(frozen=True)
class Release:
    """Where Vault is, or will be, and how many servers it has."""

    namespace: str
    name: str
    """The release's name for Helm."""
    statefulset: str
    replicas: int


@dataclass(frozen=True)
class VaultCluster:
    """An initialised Vault."""

    api: KubernetesApi
    release: Release
    root_token: str = field(repr=False)
    tls: vault_http.Tls | None = None
    """None if it speaks plain HTTP."""

    def pods(self) -> Sequence[JsonObject]:
        """Its pods, those that are on their way out, too."""
        pods: list[JsonObject] = self.api.get(f"{self._pods_path}?{_SERVERS}")["items"]
        return pods

    def replace_pod(self, pod: JsonObject) -> None:
        """Deletes a pod and waits until all are healthy again, with another one in its place."""
        uid = pod["metadata"]["uid"]
        self.api.delete(f"{self._pods_path}/{pod['metadata']['name']}")
        wait_until(
            f"{pod['metadata']['name']} is replaced",
            HEALTHY_SECONDS,
            lambda: uid not in {one["metadata"]["uid"] for one in self.pods()} and self.is_healthy(),
            interval_seconds=POLL_SECONDS,
        )

    def delete_pods(self) -> None:
        """Asks for the end of all pods at once, with the time that they have for it by their own settings."""
        self.api.delete(f"{self._pods_path}?{_SERVERS}")

    def is_healthy(self) -> bool:
        """Whether every server is unsealed and a voter, and autopilot finds them healthy."""
        addresses = self._addresses()
        if len(addresses) != self.release.replicas:
            return False
        if not all(seal_status(address, self.tls).get("sealed") is False for address in addresses):
            return False
        state = self._autopilot(addresses[0])
        return bool(state.get("healthy")) and len(state.get("voters") or ()) == self.release.replicas

    def await_healthy(self) -> None:
        """Waits for that; raises :class:`SandboxError` where it doesn't come."""
        wait_until(
            f"{self.release.replicas} healthy voters",
            HEALTHY_SECONDS,
            self.is_healthy,
            interval_seconds=POLL_SECONDS,
        )

    def leader(self) -> JsonObject:
        """The pod that leads; raises :class:`SandboxError` where none does."""
        leaders = {self._autopilot(address).get("leader") for address in self._addresses()}
        for pod in self.pods():
            if leaders == {pod["metadata"]["name"]}:
                return pod
        raise SandboxError(f"no pod of {self.release.namespace}/{self.release.statefulset} leads")

    def read(self, path: str) -> Mapping[str, Any]:
        """Return what the active server has at a path."""
        answer = self._call(self.active_address(), "GET", path)
        if answer is None or answer.status != HTTPStatus.OK:
            raise SandboxError(f"Vault doesn't answer for {path}: {answer and answer.status}")
        data: Mapping[str, Any] = answer.body["data"]
        return data

    def change(self, active_address: str, path: str, body: Mapping[str, object]) -> None:
        """Writes to a path through the active Service; raises :class:`SandboxError` if that is refused."""
        answer = self._call(active_address, "POST", path, body)
        if answer is None or answer.status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
            raise SandboxError(f"Vault doesn't take {path}: {answer and answer.body.get('errors')}")

    def prepare_writes(self) -> None:
        """Gives the writes a secrets engine to write to."""
        self.change(self.active_address(), f"sys/mounts/{_MOUNT}", {"type": "kv"})

    def end_writes(self) -> None:
        """Takes the secrets engine of the writes away, with what they wrote."""
        answer = self._call(self.active_address(), "DELETE", f"sys/mounts/{_MOUNT}")
        if answer is None or answer.status != HTTPStatus.NO_CONTENT:
            raise SandboxError(f"Vault keeps the secrets engine of the benchmark: {answer}")

    def active_address(self) -> str:
        """Address of the Service that leads to the active server."""
        path = f"/api/v1/namespaces/{self.release.namespace}/services/{self.release.statefulset}-active"
        return str(self.api.get(path)["spec"]["clusterIP"])

    def write(self, active_address: str) -> bool:
        """Writes once through the active Service, and says whether Vault took it."""
        answer = self._call(active_address, "POST", f"{_MOUNT}/probe", {"value": "x"})
        return answer is not None and answer.status == HTTPStatus.NO_CONTENT

    def _call(
        self, address: str, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> vault_http.Answer | None:
        return vault_http.call(address, method, path, token=self.root_token, body=body, tls=self.tls)

    @property
    def _pods_path(self) -> str:
        return f"/api/v1/namespaces/{self.release.namespace}/pods"

    def _addresses(self) -> Sequence[str]:
        return [address for pod in self.pods() if (address := pod_address(pod)) is not None]

    def _autopilot(self, address: str) -> dict[str, Any]:
        """Autopilot's state, which a standby hands on; empty where nobody can tell it now."""
        path = "sys/storage/raft/autopilot/state"
        answer = self._call(address, "GET", path)
        if answer is None or answer.status != HTTPStatus.OK:
            return {}
        state: dict[str, Any] = answer.body["data"] or {}
        return state


def pod_address(pod: JsonObject) -> str | None:
    """A pod's address; None as long as it has none."""
    address: str | None = pod["status"].get("podIP")
    return address


def seal_status(address: str, tls: vault_http.Tls | None = None) -> Mapping[str, Any]:
    """What the server at ``address`` says of its seal; empty where none answers."""
    answer = vault_http.call(address, "GET", "sys/seal-status", tls=tls)
    return {} if answer is None or answer.status != HTTPStatus.OK else answer.body


def vault_process(pod: JsonObject) -> int:
    """Id, on this machine, of the process of a pod's Vault server.

    The kubelet names a pod's control group after its uid. Raises :class:`SandboxError` where there is none.
    """
    uid = str(pod["metadata"]["uid"])
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            groups = (entry / "cgroup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # `vault status`, which the readiness probe runs, lives in the same group.
        if uid in groups and os.path.basename(arguments[0]) == b"vault" and arguments[1] == b"server":  # noqa: PTH119
            return int(entry.name)
    raise SandboxError(f"no vault process runs in the pod {pod['metadata']['name']}")

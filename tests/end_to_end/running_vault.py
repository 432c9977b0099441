"""Asks a Vault that runs in the sandbox, pod by pod, and the Kubernetes around it."""

import base64
import json
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from sandbox.stack import SandboxStack

CALL_SECONDS = 30
"""A pod that doesn't answer in this time counts as away; on a busy machine five seconds are none."""
WRITE_SECONDS = 60
"""A write is done once, and a machine with other work on it may take its time."""


def poll(what: str, seconds: float, probe: Callable[[], bool]) -> None:
    """Waits until ``probe`` holds; fails with ``what`` when ``seconds`` are over."""
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.2)


@dataclass(frozen=True)
class Cluster:
    """kubectl with the sandbox's kubeconfig."""

    stack: SandboxStack

    def run(self, *arguments: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        """One kubectl command."""
        return subprocess.run(
            [str(self.stack.tools.kubectl), f"--kubeconfig={self.stack.layout.kubeconfig}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """As :meth:`run`, but it has to succeed."""
        result = self.run(*arguments, stdin=stdin)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def get(self, *arguments: str) -> Any:
        """The objects, parsed."""
        return json.loads(self.kubectl("get", *arguments, "--output=json"))


@dataclass(frozen=True)
class RunningVault:
    """The pods of one release, spoken to by their own addresses."""

    cluster: Cluster
    namespace: str
    statefulset: str
    ca_file: Path | None = None
    """CA certificates (PEM) of pods that speak TLS; None for those in the Secret that the program names."""

    @property
    def server_name(self) -> str:
        """The name by which pods that speak TLS are verified, whatever their address."""
        return f"{self.statefulset}.{self.namespace}.svc"

    def session(self) -> requests.Session:
        """Connections to the pods."""
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", _VerifiedByName(self))
        return session

    @cached_property
    def trusted(self) -> ssl.SSLContext:
        """By whom pods that speak TLS are verified."""
        if self.ca_file is not None:
            return ssl.create_default_context(cafile=self.ca_file)
        secret = self.cluster.get("secret", f"{self.statefulset}-server-tls", f"--namespace={self.namespace}")
        return ssl.create_default_context(cadata=base64.b64decode(secret["data"]["ca.crt"]).decode())

    def pods(self) -> Sequence[Mapping[str, Any]]:
        """Vault's pods, in the order of their names."""
        pods = self.cluster.get("pods", f"--namespace={self.namespace}", "--selector=component=server")[
            "items"
        ]
        return sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))

    def addresses(self) -> Sequence[str]:
        """One base URL a pod, with the scheme that it speaks."""
        pods = [pod for pod in self.pods() if pod["status"].get("podIP")]
        return [f"{spoken_scheme(pod)}://{pod['status']['podIP']}:8200" for pod in pods]

    def seal_statuses(self) -> Sequence[Mapping[str, Any]]:
        """What each pod answers itself; pods that don't answer are left out."""
        return [
            answer
            for address in self.addresses()
            if (answer := self.ask(address, "sys/seal-status")) is not None
        ]

    def unsealed(self) -> int:
        """Number of pods that say that they are unsealed."""
        return sum(not status["sealed"] for status in self.seal_statuses())

    def read(self, path: str, token: str) -> Mapping[str, Any] | None:
        """An answer of whichever pod gives one first."""
        for address in self.addresses():
            answer = self.ask(address, path, token)
            if answer is not None:
                return answer
        return None

    def write(self, path: str, token: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Writes through pod 0, which hands on to the active one."""
        response = self.session().post(
            f"{self.addresses()[0]}/v1/{path}",
            headers={"X-Vault-Token": token},
            json=data,
            timeout=WRITE_SECONDS,
        )
        assert response.ok, f"{path}: {response.status_code} {response.text}"
        answer: Mapping[str, Any] = response.json() if response.content else {}
        return answer

    def healthy_voters(self, token: str) -> int:
        """Voters that autopilot counts while it finds the cluster healthy, else 0."""
        answer = self.read("sys/storage/raft/autopilot/state", token)
        if answer is None or not answer["data"]["healthy"]:
            return 0
        return len(answer["data"]["voters"])

    def await_healthy_voters(self, token: str, count: int = 3) -> None:
        """Wait for so many voters in good health, as a busy machine may cost Vault its leader at any time."""
        poll(f"{count} healthy voters", 120, lambda: self.healthy_voters(token) == count)

    def delete_pods(self) -> None:
        """Deletes every Vault pod at once and waits until none of them is left."""
        before = {pod["metadata"]["uid"] for pod in self.pods()}
        self.cluster.kubectl(
            "delete", "pod", f"--namespace={self.namespace}", "--selector=component=server", "--wait=true"
        )
        poll(
            "new pods in the place of the deleted ones",
            60,
            lambda: (
                len(self.pods()) == len(before)
                and not before & {pod["metadata"]["uid"] for pod in self.pods()}
            ),
        )

    def ask(self, address: str, path: str, token: str = "") -> Mapping[str, Any] | None:
        """What the pod at that address answers; None if it doesn't, or refuses."""
        try:
            response = self.session().get(
                f"{address}/v1/{path}", headers={"X-Vault-Token": token}, timeout=CALL_SECONDS
            )
        except requests.exceptions.RequestException:
            return None
        if not response.ok:
            return None
        answer: Mapping[str, Any] = response.json()
        return answer


def spoken_scheme(pod: Mapping[str, Any]) -> str:
    """``https`` or ``http``, as the pod's own commands call its server."""
    environment = pod["spec"]["containers"][0]["env"]
    address = next(str(entry["value"]) for entry in environment if entry["name"] == "VAULT_ADDR")
    return address.partition(":")[0]


class _VerifiedByName(HTTPAdapter):
    """Verifies servers by one name, as their addresses aren't in their certificates, and by their own CA."""

    def __init__(self, vault: RunningVault) -> None:
        self._vault = vault
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        name = self._vault.server_name
        super().init_poolmanager(*args, **options, server_hostname=name, assert_hostname=name)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {**pool, "ca_certs": None, "ssl_context": self._vault.trusted}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing: the context has what is trusted, and this would add this machine's CAs."""

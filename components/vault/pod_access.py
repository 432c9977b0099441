"""Connects to one pod of Vault: through a port-forward, or an address that the settings give.

Always a pod, never a Service: before the init a Service may lead to any pod, and two pods that are
initialised separately are two clusters.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import RetryableError
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.kubernetes.process_group import signal_group, started
from components.time_limit import TimeLimit
from components.vault.client import VaultClient
from components.vault.ports import API_PORT
from components.vault.server_identity import ServerIdentity, served_authority

_FORWARD_SECONDS = 15


class PodUnreachableError(RetryableError):
    """The pod can't be reached yet, or no longer."""


@dataclass(frozen=True)
class PodAccess:
    """Vault's pods and how to reach them; part of the inputs of the dynamic resources."""

    target: KubernetesTarget
    statefulset: str
    """Name of the StatefulSet; its pods' names end with the ordinal."""
    address: str
    """Address with ``{pod}`` in it; empty to use kubectl port-forward."""
    ca_file: str = ""
    """Path of the CA certificates (PEM) for an address with https; empty for those of this machine."""
    server_name: str = ""
    """Name in the certificates of pods that speak TLS; empty if none ever does. Each pod is asked, as some
    speak TLS and others don't while the cluster moves to it or back."""
    limit: TimeLimit | None = None
    """How long questions may take; None for each question's own limit. No property of a resource."""

    def to_properties(self) -> dict[str, Any]:
        """Return the access as a resource's property; without CA and TLS as earlier versions did."""
        optional = {"ca_file": self.ca_file, "server_name": self.server_name}
        return {
            "target": self.target.to_properties(),
            "statefulset": self.statefulset,
            "address": self.address,
            **{name: value for name, value in optional.items() if value},
        }

    @staticmethod
    def from_properties(properties: Mapping[str, Any]) -> "PodAccess":
        """Return the access that a resource's property holds."""
        return PodAccess(
            target=KubernetesTarget.from_properties(properties["target"]),
            statefulset=str(properties["statefulset"]),
            address=str(properties["address"]),
            ca_file=str(properties.get("ca_file") or ""),
            server_name=str(properties.get("server_name") or ""),
        )

    @property
    def kubectl(self) -> Kubectl:
        """kubectl for the pods' namespace."""
        return Kubectl(self.target, self.limit)

    def pod(self, ordinal: int) -> str:
        """Return the name of the pod with that ordinal."""
        return f"{self.statefulset}-{ordinal}"

    def await_running(self, ordinal: int, seconds: float) -> None:
        """Wait until the pod's containers run, by a watch instead of polling.

        Raises :class:`PodUnreachableError` if they don't run within ``seconds``. Does nothing if the settings
        give an address.
        """
        if self.address:
            return
        running = ["wait", f"pod/{self.pod(ordinal)}", "--for=jsonpath={.status.phase}=Running"]
        try:
            self.kubectl.run([*running, f"--timeout={seconds:.0f}s"], timeout_seconds=seconds + 10)
        except KubectlError as error:
            raise PodUnreachableError(str(error)) from None

    @contextlib.contextmanager
    def reach(self, ordinal: int) -> Iterator[VaultClient]:
        """Yield a client of one pod's Vault, without a token and valid within the block.

        Raises :class:`PodUnreachableError` if the pod doesn't exist or doesn't run yet, or what it is
        verified by can't be read.
        """
        if self.address:
            address = self.address.replace("{pod}", self.pod(ordinal)).rstrip("/")
            ca_file = str(Path(self.ca_file).expanduser()) if self.ca_file else ""
            yield VaultClient(address, ca_file=ca_file, limit=self.limit)
            return
        identity = self._identity(self.pod(ordinal))
        with (
            self.kubectl.command(
                ["port-forward", "--address=127.0.0.1", f"pod/{self.pod(ordinal)}", f":{API_PORT}"]
            ) as command,
            _port_forward(command, self._forward_seconds) as port,
        ):
            scheme = "http" if identity is None else "https"
            # The pod that was asked may have ended, and the tunnel lead to its successor.
            may_move = bool(self.server_name)
            yield VaultClient(
                f"{scheme}://127.0.0.1:{port}", identity=identity, may_move=may_move, limit=self.limit
            )

    @property
    def _forward_seconds(self) -> float:
        return _FORWARD_SECONDS if self.limit is None else self.limit.seconds(_FORWARD_SECONDS)

    def _identity(self, pod: str) -> ServerIdentity | None:
        """Return what a pod is verified by; None if it speaks HTTP."""
        if not self.server_name:
            return None
        try:
            authority = served_authority(self.kubectl, pod)
        except KubectlError as error:
            raise PodUnreachableError(str(error)) from None
        return ServerIdentity(self.server_name, authority) if authority is not None else None


def pods_identity(props: Mapping[str, Any]) -> str:
    """Return the id of a resource about the pods that its property `access` leads to."""
    access = PodAccess.from_properties(props["access"])
    return f"{access.target.namespace}/{access.statefulset}"


@contextlib.contextmanager
def _port_forward(command: list[str], seconds: float) -> Iterator[int]:
    """Run kubectl port-forward on a free port that kubectl chooses, and end it in every case."""
    if shutil.which("setpriv"):
        # A provider that is killed can't run the finally block; the kernel (Linux) then ends the tunnel.
        command = ["setpriv", "--pdeathsig", "TERM", *command]
    with started(command) as process:
        try:
            yield _forwarded_port(process, seconds)
        finally:
            signal_group(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=3)


def _forwarded_port(process: "subprocess.Popen[bytes]", seconds: float) -> int:
    """Return the port from the line "Forwarding from 127.0.0.1:PORT -> 8200", once it appears."""
    if process.stdout is None or process.stderr is None:
        raise PodUnreachableError("kubectl port-forward has no output to read")
    deadline = time.monotonic() + seconds
    line = b""
    while not line.endswith(b"\n"):
        readable, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            raise PodUnreachableError(f"kubectl port-forward didn't answer within {seconds:.2g} s")
        byte = process.stdout.read(1)
        if not byte:
            # A program that kubectl ran may hold it open.
            os.set_blocking(process.stderr.fileno(), False)
            message = (process.stderr.read() or b"").decode(errors="replace").strip()
            raise PodUnreachableError(message or "kubectl port-forward ended at once")
        line += byte
    return int(line.split(b"->")[0].rsplit(b":", 1)[1])

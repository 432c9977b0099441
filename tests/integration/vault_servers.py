"""Real Vault servers on the loopback, reached as the program reaches pods.

Each server runs the configuration that the program renders, with the paths and ports of this machine in
it, and the environment that the chart gives a pod. A script in the place of kubectl leads to them, and keeps
Secrets.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hvac
import requests

from components.kubernetes.kubectl import KubernetesTarget
from components.seals.seal import SealStanza
from components.settings import ListenerSettings, RaftSettings
from components.vault.configuration import render_configuration
from components.vault.pod_access import PodAccess
from tests.integration.free_ports import free_ports
from tests.unit.fakes.kubernetes_objects import KubernetesObjects

NAME = "vault"
AUDIT_FOLDER = "/vault/audit"
"""Where each server finds its own audit volume (see :func:`with_audit_volumes`), as its pod does."""
RAFT = RaftSettings(
    performance_multiplier=1,
    autopilot_reconcile_interval="1s",
    autopilot_update_interval="500ms",
    retry_join="active-service",
)
ACCESS = PodAccess(
    target=KubernetesTarget(kubeconfig="", context="loopback", namespace=NAME), statefulset=NAME, address=""
)


def wait_until(what: str, seconds: float, condition: Callable[[], bool]) -> None:
    """Polls until the condition holds; fails with ``what`` where it doesn't in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@dataclass
class VaultServer:
    """One server, a process of its own."""

    program: Path
    folder: Path
    name: str
    port: int
    cluster_port: int
    environment: Mapping[str, str]
    configuration: str
    _process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """URL of its API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the process has written."""
        return self.folder / "log"

    @property
    def process_id(self) -> int:
        """Of its process, which has to run."""
        assert self._process is not None
        return self._process.pid

    def client(self, token: str = "") -> Any:
        """A client (hvac's, whose methods have no types) of this server."""
        return hvac.Client(url=self.address, token=token)

    def is_active(self) -> bool:
        """Whether it is unsealed and leads the cluster; see `sys/health` in Vault's documents."""
        return requests.get(f"{self.address}/v1/sys/health", timeout=10).status_code == 200

    def start(self) -> None:
        """Starts the process and waits until it listens or has ended."""
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        (self.folder / "vault.hcl").write_text(self.configuration, encoding="utf-8")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.program, "server", f"-config={self.folder / 'vault.hcl'}"],
                env={
                    **self.environment,
                    # Vault writes a cache there, or else into the current folder.
                    "HOME": str(self.folder),
                    "PATH": os.defpath,
                    "VAULT_API_ADDR": self.address,
                    "VAULT_CLUSTER_ADDR": f"https://127.0.0.1:{self.cluster_port}",
                    "VAULT_RAFT_NODE_ID": self.name,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        process = self._process
        wait_until(f"{self.name} listens", 30, lambda: self._listens() or process.poll() is not None)

    def stop(self, *, kill: bool = False) -> None:
        """Ends the process where it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the process, whose listener the kernel keeps open, and let it go on after the block."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            # The call returns before every thread of it has stopped, and one may answer meanwhile.
            wait_until("the process is stopped", 10, self._is_stopped)
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def hang_up(self) -> None:
        """Have the process open its audit files anew (SIGHUP)."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def _is_stopped(self) -> bool:
        assert self._process is not None
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/stat")
        # The state follows the name, which is in brackets and may have anything in it (proc_pid_stat(5)).
        return all(task.read_text().rpartition(")")[2].split()[0] == "T" for task in tasks)

    def _listens(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0


@dataclass
class VaultServers:
    """Servers that form one cluster, named as the pods of a StatefulSet."""

    servers: Sequence[VaultServer]
    folder: Path
    access: PodAccess = field(default=ACCESS)

    def __getitem__(self, ordinal: int) -> VaultServer:
        return self.servers[ordinal]

    def start(self) -> None:
        """Starts every server."""
        for server in self.servers:
            server.start()

    def kill(self) -> None:
        """Ends every server without a word, as a lost node would."""
        for server in self.servers:
            server.stop(kill=True)

    @property
    def commands(self) -> Path:
        """A folder for PATH in which kubectl leads to the servers."""
        folder = self.folder / "commands"
        folder.mkdir(exist_ok=True)
        cases = "".join(
            f'*" port-forward "*" pod/{server.name} "*)\n'
            f'  echo "Forwarding from 127.0.0.1:{server.port} -> 8200"; exec sleep 600;;\n'
            f'*" logs {server.name} "*"--previous"*) exit 1;;\n'
            f'*" logs {server.name} "*"--since="*) exec cat \'{server.log}\';;\n'
            f'*" exec {server.name} "*) for command; do :; done\n'
            f"  command=$(printf %s \"$command\" | sed 's|{AUDIT_FOLDER}/|{server.folder}/audit/|g')\n"
            '  exec /bin/sh -c "$command";;\n'
            f"*\" logs {server.name} \"*) exec tail -n 15 '{server.log}';;\n"
            f'*" wait pod/{server.name} "*) exit 0;;\n'
            for server in self.servers
        )
        objects = KubernetesObjects(self.folder / "objects", NAME)
        revision = {"updateRevision": "1", "observedGeneration": 1}
        spec = {"replicas": len(self.servers), "template": {"metadata": {}, "spec": {}}}
        objects.put("statefulset", NAME, metadata={"generation": 1}, spec=spec, status=revision)
        for server in self.servers:
            labels = {"controller-revision-hash": "1"}
            running = {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "vault", "ready": True, "state": {"running": {}}}],
            }
            objects.put("pod", server.name, metadata={"labels": labels}, status=running)
        kubectl = folder / "kubectl"
        kubectl.write_text(
            f'#!/bin/sh\ncase " $* " in\n{cases}esac\n{objects.script}\n',
            encoding="utf-8",
        )
        kubectl.chmod(0o755)
        return folder


@contextlib.contextmanager
def vault_servers(
    program: Path,
    folder: Path,
    *,
    replicas: int,
    seal: SealStanza | None,
    environment: Mapping[str, str] | None = None,
    more_configuration: str = "",
    raft: RaftSettings | None = RAFT,
    listener: ListenerSettings | None = None,
    telemetry: bool = False,
    extra: str = "",
) -> Iterator[VaultServers]:
    """Started servers with empty volumes; their processes end with the block. Without ``raft``: on files."""
    ports = free_ports(2 * replicas)
    # On the loopback there is no Service of the active server; the first one stands for it.
    join = [f"http://127.0.0.1:{ports[0]}"] if replicas > 1 else []
    servers = [
        VaultServer(
            program=program,
            folder=folder / f"{NAME}-{ordinal}",
            name=f"{NAME}-{ordinal}",
            port=ports[2 * ordinal],
            cluster_port=ports[2 * ordinal + 1],
            environment=environment or {},
            configuration=_on_this_machine(
                render_configuration(
                    ui=False,
                    raft=raft,
                    join=join,
                    seals=[seal] if seal is not None else [],
                    listener=listener or ListenerSettings(),
                    telemetry=telemetry,
                    extra=extra,
                ),
                data=folder / f"{NAME}-{ordinal}" / "data",
                port=ports[2 * ordinal],
                cluster_port=ports[2 * ordinal + 1],
            )
            + more_configuration,
        )
        for ordinal in range(replicas)
    ]
    cluster = VaultServers(servers, folder)
    try:
        cluster.start()
        yield cluster
    finally:
        for server in servers:
            server.stop()


def _on_this_machine(configuration: str, *, data: Path, port: int, cluster_port: int) -> str:
    replaced = {
        '"[::]:8200"': f'"127.0.0.1:{port}"',
        '"[::]:8201"': f'"127.0.0.1:{cluster_port}"',
        '"/vault/data"': f'"{data}"',
    }
    registration = 'service_registration "kubernetes" {}'
    # It needs the Kubernetes API.
    configuration = configuration.replace(registration, "") + "disable_mlock = true\n"
    for text, replacement in replaced.items():
        assert configuration.count(text) == 1, text
        configuration = configuration.replace(text, replacement)
    return configuration

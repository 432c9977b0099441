"""Three real Vault servers whose seal is migrated by the command, as in a cluster.

A deleted server comes back with the configuration that lies in the ConfigMap by then, as the controller of a
StatefulSet has it. The command is a process of its own, which a test can kill at any point.
"""

import contextlib
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hvac.exceptions
import requests

from components.seals.seal import SealStanza, seal_class
from components.settings import RaftSettings
from components.shares.unseal import unseal_pods
from components.vault.answers import InitAnswer, SealStatus
from components.vault.client import VaultClient
from components.vault.configuration import render_configuration
from components.vault.running_configuration import CONFIGURATION_KEY
from tests.integration.program_inputs import DEPLOYMENT
from tests.integration.vault_servers import ACCESS, NAME, RAFT, VaultServers, vault_servers, wait_until
from tests.unit.fakes.commands_on_path import install_command
from tests.unit.fakes.kubernetes_objects import KubernetesObjects

ROOT = Path(__file__).parents[2]
THRESHOLD = 3
SEAL_BLOCK = re.compile(r'^seal "\w+" \{\n.*?^\}\n', re.MULTILINE | re.DOTALL)


def seal_blocks(seals: Sequence[SealStanza]) -> str:
    """The stanzas as the program renders them."""
    rendered = render_configuration(ui=False, raft=RAFT, join=[], seals=seals)
    return "\n".join(SEAL_BLOCK.findall(rendered))


@dataclass
class MigratingVault:
    """An initialised, unsealed cluster with something in it."""

    servers: VaultServers
    old: SealStanza | None
    """None for Shamir's seal, of which there is no stanza."""
    new: SealStanza | None
    answer: InitAnswer
    events: list[str] = field(default_factory=list)
    """What was said and done, in its order."""
    outputs: dict[str, Any] = field(default_factory=dict)
    _ending: threading.Event = field(default_factory=threading.Event)

    @property
    def shares(self) -> Sequence[str]:
        """Of the init."""
        return self.answer.key_shares or self.answer.recovery_shares

    def statuses(self) -> list[SealStatus]:
        """What every server says of its seal."""
        return [VaultClient(server.address).seal_status() for server in self.servers.servers]

    def read(self) -> str:
        """What was written before the migration, through whichever server answers within its time."""
        deadline = time.monotonic() + 30
        while True:
            for server in self.servers.servers:
                with contextlib.suppress(requests.RequestException, hvac.exceptions.VaultError):
                    found = server.client(self.answer.root_token).read("kv/written-before")
                    return str(found["data"]["value"])
            assert time.monotonic() < deadline, "no server has a leader"
            time.sleep(0.2)

    def configure(self, seals: Sequence[SealStanza]) -> None:
        """What an update of the release does: servers that run keep the configuration that they have."""
        text = seal_blocks(seals)
        for server in self.servers.servers:
            server.configuration = f"{SEAL_BLOCK.sub('', server.configuration)}\n{text}"
        objects = KubernetesObjects(self.servers.folder / "objects", NAME)
        objects.put("configmap", f"{NAME}-config", data={CONFIGURATION_KEY: text})

    def configure_both(self) -> None:
        """The configuration during a migration."""
        self.configure(
            [*([self.new] if self.new else []), *([self.old.disabled()] if self.old is not None else [])]
        )

    def migrate(self, stop: Callable[[str], bool] = lambda _: False) -> int:
        """Runs the command; where ``stop`` is true of an event, kills it as soon as that has happened.

        Returns its exit status, negative where it was killed.
        """
        outputs = self.servers.folder / "outputs.json"
        outputs.write_text(json.dumps(self.outputs), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-m", "components", "migrate-seal"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        seen = len(self.events)

        def listen() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                self.events.append(line.rstrip())

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            while process.poll() is None:
                if any(stop(event) for event in self.events[seen:]):
                    break
                time.sleep(0.01)
        finally:
            # A kubectl that it runs has another process group, and goes on.
            process.kill()
            listener.join()
        return process.wait()

    def watch_deletions(self) -> None:
        """What the controller of the StatefulSet does, until the test is over."""
        deleted = self.servers.folder / "deleted"
        deleted.mkdir(exist_ok=True)
        while not self._ending.wait(0.02):
            for server in self.servers.servers:
                if (deleted / server.name).exists():
                    server.stop()
                    server.start()
                    (deleted / server.name).unlink()
                    self.events.append(f"{server.name} came back")

    def end(self) -> None:
        self._ending.set()


@contextlib.contextmanager
def migrating_vault(
    program: Path,
    folder: Path,
    *,
    old: SealStanza | None,
    new: SealStanza | None,
    environment: Mapping[str, str],
    replicas: int = 3,
    raft: RaftSettings | None = RAFT,
) -> Iterator[MigratingVault]:
    """The cluster with its old seal; PATH has to begin with the folder ``commands`` in its folder."""
    folder.mkdir(exist_ok=True)
    old_type, new_type = (stanza.type if stanza is not None else "shamir" for stanza in (old, new))
    with vault_servers(
        program, folder, replicas=replicas, seal=old, environment=environment, raft=raft
    ) as servers:
        _install_commands(servers)
        answer = _initialised(servers, recovery=seal_class(old_type).unseals_itself)
        if raft is not None:
            _await_voters(servers, answer.root_token)
        root = servers[0].client(answer.root_token)
        root.sys.enable_secrets_engine("kv")
        root.write_data("kv/written-before", data={"value": "still there"})
        vault = MigratingVault(servers, old, new, answer)
        vault.outputs.update(
            pod_access=ACCESS.to_properties(),
            deployment=DEPLOYMENT,
            replicas=replicas,
            threshold=THRESHOLD,
            custody={"store": "state"},
            seal_type=new_type,
            migrate_from=old_type,
            root_token=answer.root_token,
            key_shares=list(answer.key_shares),
            recovery_shares=list(answer.recovery_shares),
        )
        controller = threading.Thread(target=vault.watch_deletions)
        controller.start()
        try:
            yield vault
        finally:
            vault.end()
            controller.join()


def _initialised(servers: VaultServers, *, recovery: bool) -> InitAnswer:
    client = VaultClient(servers[0].address)
    answer = client.initialize(shares=5, threshold=THRESHOLD, recovery=recovery)
    replicas = len(servers.servers)
    if not recovery:
        unseal_pods(ACCESS, replicas=replicas, key_shares=answer.key_shares, threshold=THRESHOLD, seconds=60)
    wait_until("vault-0 leads", 30, servers[0].is_active)
    return answer


def _await_voters(servers: VaultServers, root_token: str) -> None:
    root = VaultClient(servers[0].address, root_token)
    replicas = len(servers.servers)
    wait_until("voters", 60, lambda: sum(peer.voter for peer in root.raft_state().peers) == replicas)


def _install_commands(servers: VaultServers) -> None:
    """A kubectl that has servers restarted, in front of the one that leads to them, and a pulumi."""
    folder = servers.commands
    (folder / "kubectl").rename(folder / "kubectl-of-servers")
    deleted = servers.folder / "deleted"
    cases = "".join(
        f'*" delete pod {server.name} "*)\n'
        f"  touch '{deleted}/{server.name}'\n"
        f"  while [ -e '{deleted}/{server.name}' ]; do sleep 0.02; done;;\n"
        for server in servers.servers
    )
    rest = f"*) exec '{folder / 'kubectl-of-servers'}' \"$@\";;"
    install_command(folder, "kubectl", f'case " $* " in\n{cases}{rest}\nesac')
    outputs = servers.folder / "outputs.json"
    install_command(folder, "pulumi", f"case \"$1\" in stack) exec cat '{outputs}';; esac; exit 1")

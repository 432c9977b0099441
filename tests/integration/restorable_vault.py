"""Three real Vault servers whose stack the commands find selected, with its keys in Secrets Manager."""

import contextlib
import json
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from components.__main__ import main
from components.custody.key_record import KeyRecord
from components.custody.key_store import store_to_properties
from components.custody.stores.aws_secrets_manager import Store
from components.kubernetes.kubectl import KubernetesTarget
from components.seals import awskms
from components.vault.client import VaultClient
from tests.integration.key_service import CREDENTIALS, REGION, KeyService, run_key_service
from tests.integration.program_inputs import DEPLOYMENT
from tests.integration.vault_servers import ACCESS, VaultServers, vault_servers, wait_until
from tests.unit.fakes.commands_on_path import install_command
from tests.unit.fakes.init_inputs import JOURNAL_KEY

STACK = "prod"
SHARES, THRESHOLD = 5, 3
TARGET = KubernetesTarget(kubeconfig="", context="loopback", namespace="vault")


@dataclass
class RestorableVault:
    """The servers, the stack's outputs, and the store."""

    servers: VaultServers
    kms: KeyService
    seal: str
    store: Store
    record: KeyRecord
    """The keys that the init answered."""
    monkeypatch: pytest.MonkeyPatch
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.servers.folder

    def select_stack(self, **changed: Any) -> None:
        """Has a script in pulumi's place answer what the engine knows of the stack."""
        outputs = {
            "pod_access": ACCESS.to_properties(),
            "deployment": DEPLOYMENT,
            "mode": "ha",
            "replicas": 3,
            "threshold": THRESHOLD,
            "seal_type": self.seal,
            "seal_key": self.kms.key_id if self.seal == "awskms" else "",
            "custody": store_to_properties("aws-secrets-manager", self.store),
            "keys_fingerprint": self.record.fingerprint,
            "keys_version": self.version(),
            "root_token": "",
            "recovery_shares": [],
            "key_shares": [],
            **changed,
        }
        key = {"4dabf18193072939515e22adb298388d": "1b47", "plaintext": json.dumps(JOURNAL_KEY)}
        resource = {"type": "pulumi-python:dynamic/vault:JournalKey", "outputs": {"key": key}}
        state = {"deployment": {"resources": [resource]}}
        (self.folder / "outputs.json").write_text(json.dumps(outputs))
        (self.folder / "state.json").write_text(json.dumps(state))
        script = f"""case "$*" in
            "stack --show-name") echo {STACK};;
            "stack export --show-secrets") exec cat '{self.folder}/state.json';;
            "stack output --json --show-secrets") exec cat '{self.folder}/outputs.json';;
            *) exit 1;;
            esac"""
        install_command(self.folder / "commands", "pulumi", script)

    def run(self, capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
        """The command's exit code, and what it says, which has none of the keys in it."""
        code = main([*arguments])
        said = "".join(capfd.readouterr())
        for secret in (self.record.root_token, *self.record.shares):
            assert secret not in said
        return code, said

    def stored(self) -> KeyRecord:
        record = self.store.read(TARGET)
        assert record is not None
        return record

    def version(self) -> str:
        """The store's current version."""
        secrets = boto3.client("secretsmanager", region_name=REGION)
        return str(secrets.get_secret_value(SecretId=self.store.name)["VersionId"])

    def root(self, ordinal: int = 0) -> Any:
        return self.servers[ordinal].client(self.record.root_token)

    def write(self, name: str) -> None:
        self.root().write(f"cubbyhole/{name}", value=name)

    def has(self, name: str) -> bool:
        return self.root().read(f"cubbyhole/{name}") is not None

    def voters(self) -> int:
        servers = self.root().sys.read_raft_config()["data"]["config"]["servers"]
        return sum(server["voter"] for server in servers)

    def wipe(self, *ordinals: int) -> None:
        """Loses the volumes of these servers."""
        for ordinal in ordinals:
            self.servers[ordinal].stop(kill=True)
            shutil.rmtree(self.servers[ordinal].folder / "data")
        for ordinal in ordinals:
            self.servers[ordinal].start()

    def restart(self) -> None:
        self.servers.kill()
        self.servers.start()

    def restart_one(self, ordinal: int) -> None:
        self.servers[ordinal].stop(kill=True)
        self.servers[ordinal].start()

    def unseal(self, record: KeyRecord) -> None:
        for server in self.servers.servers:
            client = VaultClient(server.address)
            wait_until(f"{server.name} has joined", 30, lambda: client.seal_status().initialized)  # noqa: B023
            for share in record.key_shares[: record.threshold]:
                client.submit_key_share(share)
            wait_until(f"{server.name} is unsealed", 60, lambda: not client.seal_status().sealed)  # noqa: B023

    def rekey(self, *, shares: int, threshold: int) -> KeyRecord:
        """Makes new key shares, and returns the record with them."""
        client = self.root()
        nonce = client.sys.start_rekey(secret_shares=shares, secret_threshold=threshold)["nonce"]
        answer: dict[str, Any] = {}
        for share in self.record.key_shares[: self.record.threshold]:
            answer = client.sys.rekey(share, nonce=nonce)
        keys = (answer.get("data") or answer)["keys_base64"]
        return replace(self.record, key_shares=tuple(keys), threshold=threshold)

    @contextlib.contextmanager
    def pods(self) -> Iterator[None]:
        """Have kubectl run commands as in the pods, and restart a server whose pod is deleted."""
        kubectl = self.folder / "commands" / "kubectl"
        script = kubectl.read_text()
        cases = "".join(
            f"""*" exec "*"{server.name} "*)
  while [ "$1" != -- ]; do shift; done
  shift
  export VAULT_RAFT_NODE_ID={server.name} VAULT_CLUSTER_ADDR=https://127.0.0.1:{server.cluster_port}
  [ "$1" = sh ] && exec sh -c "$3" '{server.folder}/data/raft/peers.json'
  exit 1;;
"""
            for server in self.servers.servers
        )
        kubectl.write_text(f'#!/bin/sh\ncase " $* " in\n{cases}esac\n' + script.removeprefix("#!/bin/sh\n"))
        try:
            with self.restarting_deleted_pods():
                yield
        finally:
            kubectl.write_text(script)

    @contextlib.contextmanager
    def restarting_deleted_pods(self) -> Iterator[None]:
        """Restart a server whose pod the program deletes, as the StatefulSet's controller would."""
        kubectl, deleted = self.folder / "commands" / "kubectl", self.folder / "deleted"
        deleted.mkdir(exist_ok=True)
        script = kubectl.read_text()
        case = f"""#!/bin/sh
case " $* " in
*" delete --raw "*"/pods/"*)
  for path in "$@"; do case "$path" in */pods/*) : > '{deleted}'/${{path##*/}};; esac; done
  exit 0;;
esac
"""
        kubectl.write_text(case + script.removeprefix("#!/bin/sh\n"))
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.1):
                for file in list(deleted.iterdir()):
                    (server,) = (one for one in self.servers.servers if one.name == file.name)
                    server.stop()
                    server.start()
                    file.unlink()

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            kubectl.write_text(script)

    def await_voters(self) -> None:
        wait_until("every server is unsealed", 60, self._all_unsealed)
        wait_until("a leader", 60, lambda: any(server.is_active() for server in self.servers.servers))
        wait_until("three voters", 60, lambda: self._voters_or_none() == 3)

    def _all_unsealed(self) -> bool:
        return not any(VaultClient(server.address).seal_status().sealed for server in self.servers.servers)

    def _voters_or_none(self) -> int:
        import hvac

        try:
            return self.voters()
        except hvac.exceptions.VaultError:
            return 0


@contextlib.contextmanager
def restorable_vault(
    program: Path, folder: Path, seal: str, kms: KeyService, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RestorableVault]:
    """Three voters, initialised with five shares of which three are needed, that are in the store."""
    environment: Mapping[str, str] = {**CREDENTIALS, "AWS_ENDPOINT_URL": kms.address}
    for name, value in {**environment, "AWS_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    name = f"vault/{folder.name}"
    boto3.client("secretsmanager", region_name=REGION).create_secret(Name=name)
    store = Store(name=name, region=REGION, kms_key="own", readers=())
    recovery = seal == "awskms"
    with vault_servers(
        program,
        folder,
        replicas=3,
        seal=awskms.stanza(REGION, kms.key_id) if recovery else None,
        environment=kms.environment if recovery else None,
    ) as servers:
        monkeypatch.setenv("PATH", str(servers.commands), prepend=":")
        monkeypatch.setenv("PULUMI_HOME", str(folder))
        answer = VaultClient(servers[0].address).initialize(
            shares=SHARES, threshold=THRESHOLD, recovery=recovery
        )
        record = KeyRecord(
            deployment=DEPLOYMENT,
            seal_type=seal,
            seal_key=kms.key_id if recovery else "",
            threshold=THRESHOLD,
            root_token=answer.root_token,
            recovery_shares=answer.recovery_shares,
            key_shares=answer.key_shares,
        )
        vault = RestorableVault(servers, kms, seal, store, record, monkeypatch)
        store.write(record, TARGET)
        if not recovery:
            vault.unseal(record)
        vault.await_voters()
        vault.select_stack()
        with vault.pods():
            yield vault


@contextlib.contextmanager
def vault_of_key_service(program: Path, folder: Path) -> Iterator[RestorableVault]:
    """One that a key of KMS unseals, in a key service of its own."""
    with (
        run_key_service() as kms,
        pytest.MonkeyPatch.context() as monkeypatch,
        restorable_vault(program, folder, "awskms", kms, monkeypatch) as vault,
    ):
        yield vault


def other_keys(record: KeyRecord) -> KeyRecord:
    """A record of other shares than that, as after a rekey."""
    return replace(
        record,
        recovery_shares=tuple(reversed(record.recovery_shares)),
        key_shares=tuple(reversed(record.key_shares)),
    )

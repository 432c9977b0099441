"""What a fault is tried on: a stack of one Vault pod, everything that a person sees of it, and its keys."""

import contextlib
import dataclasses
import itertools
import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Self

import requests

from sandbox import processes
from sandbox.aws.endpoint import PROCESS as AWS
from sandbox.stack import SandboxStack
from tests.end_to_end.conftest import Deployment
from tests.end_to_end.faults import unreliable_store
from tests.end_to_end.faults.engine_run import EngineRun
from tests.end_to_end.faults.key_proof import prove_by_generate_root
from tests.end_to_end.faults.vault_proxy import VaultProxy
from tests.end_to_end.running_vault import poll

SHARES, THRESHOLD = 3, 2
UP = ("up", "--yes", "--skip-preview")


class Keys(Enum):
    """What became of the keys that Vault made first."""

    KEPT = "the first"
    """They unlock the Vault that they were made for, which was initialised once."""
    NEVER_GIVEN = "new ones"
    """Vault made them and its answer was lost before anybody had it, so nobody could put anything into that
    Vault; it was wiped and initialised again."""


@dataclass
class Bench:
    """One stack of the program, at first with nothing deployed, beside others in the same cluster."""

    deployment: Deployment
    name: str
    """Of the stack, its namespace and release; it has ``vault`` in it, as the chart then adds nothing."""
    folder: Path
    """Of this trial alone."""
    proxy: VaultProxy = field(init=False)
    said: list[str] = field(default_factory=list)
    """What each run said, in the order of the runs."""
    volumes: list[str] = field(default_factory=list)
    """Identity of pod 0's data volume after each run that left one."""
    _counter: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.proxy = VaultProxy(self.pod_address)

    cloud_process: ClassVar[str] = AWS
    """The process that plays the cloud."""

    @classmethod
    @contextlib.contextmanager
    def opened(cls, deployment: Deployment, name: str, folder: Path) -> Iterator[Self]:
        """With the stack made; what was deployed of it is on its way out when the block ends."""
        stack = dataclasses.replace(deployment.stack, name=name)
        world = dataclasses.replace(deployment.world, stack=stack)
        bench = cls(type(deployment)(world), name, folder)
        bench.configure()
        stack.select()
        try:
            with bench.proxy.serving():
                yield bench
        finally:
            bench.deployment.cluster.run("delete", "namespace", name, "--wait=false", "--ignore-not-found")
            bench.forget_key()

    @property
    def stack(self) -> SandboxStack:
        """The stack."""
        return self.deployment.stack

    @property
    def pod(self) -> str:
        """Pod 0."""
        return f"{self.name}-0"

    @property
    def alias(self) -> str:
        """Alias of the seal's key."""
        return f"alias/{self.name}"

    @property
    def store(self) -> Mapping[str, Any]:
        """Settings of a store of keys that obeys orders."""
        return {
            "store": unreliable_store.__name__,
            "path": str(self.folder / "keys" / "record.json"),
            "orders": str(self.folder / "orders"),
        }

    def order(self, *orders: str) -> None:
        """Tells the store what goes wrong at its next writes, one order a write."""
        Path(self.store["orders"]).write_text("\n".join(orders))

    def configure(self, **changes: object) -> None:
        """The settings of all trials, with these on top: one pod, reached through the proxy; own store."""
        settings: dict[str, Any] = {
            "namespace": self.name,
            "releaseName": self.name,
            "replicas": 1,
            "injector": {"enabled": False},
            "custody": dict(self.store),
            "podAddress": self.proxy.address,
            **changes,
        }
        init = {"shares": SHARES, "threshold": THRESHOLD}
        settings["init"] = {**init, **settings.get("init", {})}
        self.deployment.configure(settings | self.seal_settings(settings))

    def seal_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What of the settings belongs to the seal, with names of the trial's own."""
        if settings.get("seal") == "shamir":
            return dict.fromkeys(("clusterName", "region", "nodeSecurityGroupId", "key", "role"))
        return {
            "key": {"alias": self.alias, "retainOnDestroy": False, "deletionWindowDays": 7},
            "role": {"name": self.name, **settings.get("role", {})},
        }

    def forget_key(self) -> None:
        """Lets the name of the seal's key be used again."""
        if self.alias in self.deployment.customer_aliases():
            self.deployment.aws("kms").delete_alias(AliasName=self.alias)

    @contextlib.contextmanager
    def start(
        self, *arguments: str, stack: SandboxStack | None = None, environment: Mapping[str, str] | None = None
    ) -> Iterator[EngineRun]:
        """Starts Pulumi; without arguments, an update. What is left of it ends with the block."""
        stack = stack or self.stack
        with self._command(stack, stack.command(arguments or UP), environment) as run:
            yield run

    @contextlib.contextmanager
    def _command(
        self, stack: SandboxStack, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> Iterator[EngineRun]:
        output = self.folder / f"run-{next(self._counter)}.txt"
        with EngineRun(stack, command, output, environment) as run:
            yield run
        self.said.append(run.said)
        volume = self.volume()
        if volume:
            self.volumes.append(volume)

    def up(
        self,
        *,
        succeeds: bool = True,
        more: Sequence[str] = (),
        stack: SandboxStack | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """One update, which has to end as told; what it said."""
        return self.run(*UP, *more, succeeds=succeeds, stack=stack, environment=environment)

    def run(
        self,
        *arguments: str,
        succeeds: bool = True,
        stack: SandboxStack | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """One run of Pulumi, which has to end as told; what it said."""
        with self.start(*arguments, stack=stack, environment=environment) as run:
            status = run.wait()
        assert (status == 0) is succeeds, f"pulumi {arguments[0]} ended with {status}:\n{run.said}"
        return run.said

    def unlock(self) -> None:
        """What a person does after a run was killed: sees that the stack is locked, and ends that."""
        self.up(succeeds=False)
        # It takes no configuration file, unlike what else is run on a stack.
        cancel = [str(self.stack.tools.pulumi), "cancel", self.stack.name, "--yes", "--non-interactive"]
        with self._command(self.stack, cancel) as run:
            assert run.wait() == 0, run.said

    def pod_address(self) -> str | None:
        """Base URL of pod 0's Vault; None while it has no address."""
        address = self.kubectl(
            "get", "pod", self.pod, "--output=jsonpath={.status.podIP}", fails=True
        ).strip()
        return f"http://{address}:8200" if address else None

    def kubectl(self, *arguments: str, fails: bool = False) -> str:
        """What kubectl says of the trial's namespace; it has to succeed unless it may fail."""
        result = self.deployment.cluster.run(f"--namespace={self.name}", *arguments)
        assert fails or result.returncode == 0, result.stderr
        return result.stdout

    def vault_initialized(self) -> bool:
        """Whether pod 0's Vault says that it is initialised."""
        address = self.pod_address()
        if address is None:
            return False
        try:
            answer = requests.get(f"{address}/v1/sys/seal-status", timeout=2)
        except requests.exceptions.RequestException:
            return False
        return answer.ok and answer.json()["initialized"] is True

    def delete_pod(self) -> None:
        """Pod 0 is gone at once, without time to end well."""
        self.kubectl("delete", "pod", self.pod, "--force", "--grace-period=0", "--wait=true")

    def volume(self) -> str:
        """Identity of pod 0's data volume; empty where there is none."""
        claim = f"data-{self.pod}"
        return self.kubectl("get", "pvc", claim, "--output=jsonpath={.spec.volumeName}", fails=True).strip()

    def stop_cloud(self) -> None:
        """The cloud answers nothing any more; what it knows is kept."""
        self._signal_cloud(signal.SIGSTOP)

    def resume_cloud(self) -> None:
        """The cloud answers again."""
        self._signal_cloud(signal.SIGCONT)

    def _signal_cloud(self, number: signal.Signals) -> None:
        pid = processes.running_pid(self.stack.layout, self.cloud_process)
        assert pid is not None, f"{self.cloud_process} doesn't run"
        os.kill(pid, number)

    def stored_shares(self) -> Sequence[str]:
        """The shares, from where the stack's custody keeps them."""
        stored = self._stored()
        return list(stored["recovery_shares"] or stored["key_shares"])

    def secrets(self) -> Sequence[str]:
        """The root token and the shares."""
        return [self._stored()["root_token"], *self.stored_shares()]

    def _stored(self) -> Mapping[str, Any]:
        path = Path(self.store["path"])
        stored: Mapping[str, Any] = (
            json.loads(path.read_text()) if path.exists() else self.deployment.outputs()
        )
        return stored

    def journal(self) -> str:
        """What is left of the journal of the init in the cluster; empty where it was done with."""
        return self.kubectl("get", "secret", f"{self.name}-operator-init", "--ignore-not-found").strip()

    def require_told(self, words: Sequence[str], expected: Keys) -> None:
        """Fails unless the runs said these words and no secret, and the keys are proven."""
        self.proxy.require_all_used()
        said = "\n".join(self.said)
        assert [expression for expression in words if expression not in said] == [], said
        self.prove_keys(expected)
        assert self.journal() == ""
        assert not [secret for secret in self.secrets() if secret in said]

    def prove_keys(self, expected: Keys) -> None:
        """Fails unless the stored shares unlock the Vault that runs, and it is the one that is expected."""
        poll("Vault has addresses", 60, lambda: bool(self.deployment.vault.addresses()))
        prove_by_generate_root(self.deployment.vault.addresses(), self.stored_shares(), THRESHOLD)
        assert self.volumes, "no run left a volume"
        wiped = len(set(self.volumes)) > 1
        assert wiped is (expected is Keys.NEVER_GIVEN), f"volumes after each run: {self.volumes}"

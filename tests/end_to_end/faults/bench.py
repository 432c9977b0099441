"""What a fault is tried on: a stack without injector, everything that a person sees of it, and its keys."""

import contextlib
import itertools
import json
import os
import re
import shlex
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import requests

from sandbox import processes
from sandbox.aws.endpoint import PROCESS as AWS
from sandbox.stack import SandboxStack
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.faults import unreliable_store
from tests.end_to_end.faults.engine_run import EngineRun
from tests.end_to_end.faults.expectations import Keys, Seen
from tests.end_to_end.faults.key_proof import prove_by_generate_root
from tests.end_to_end.faults.vault_proxy import VaultProxy
from tests.end_to_end.running_vault import poll

SHARES, THRESHOLD = 3, 2
UP = ("up", "--yes", "--skip-preview")


CHANGED_SERVICE: Mapping[str, object] = {"annotations": {"example.com/changed": "once"}}
"""The setting `service` of an update that changes the release and no pod, and so is verified again."""


@dataclass
class Bench:
    """One stack of the program, at first with nothing deployed, beside others in the same cluster."""

    deployment: Deployment
    folder: Path
    """Of this trial alone."""
    replicas: int = 1
    """Vault's pods."""
    proxy: VaultProxy = field(init=False)
    said: list[str] = field(default_factory=list)
    """What each run said, in the order in which they ended."""
    volumes: list[str] = field(default_factory=list)
    """Identity of pod 0's data volume after each run that left one."""
    _counter: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.proxy = VaultProxy(self.pod_address)

    cloud_process: ClassVar[str] = AWS
    """The process that plays the cloud."""

    @classmethod
    @contextlib.contextmanager
    def opened(cls, deployment: Deployment, name: str, folder: Path, replicas: int) -> Iterator[Self]:
        """With a stack of that name; what was deployed of it is on its way out when the block ends."""
        bench = cls(deployment.beside(name), folder, replicas)
        try:
            with bench.proxy.serving():
                yield bench
        finally:
            bench.deployment.discard()

    @property
    def name(self) -> str:
        """Of the stack, its namespace and release."""
        return self.deployment.name

    @property
    def stack(self) -> SandboxStack:
        """The stack."""
        return self.deployment.stack

    @property
    def pod(self) -> str:
        """Pod 0."""
        return f"{self.name}-0"

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

    @property
    def orders_left(self) -> str:
        """What the store hasn't done yet of what it was told."""
        return Path(self.store["orders"]).read_text()

    def configure(self, **changes: object) -> None:
        """The settings of all trials, with these on top: pods behind the proxy, and a store that obeys."""
        settings: dict[str, Any] = {
            "replicas": self.replicas,
            "injector": {"enabled": False},
            "audit": {"devices": []},
            "custody": dict(self.store),
            "podAddress": self.proxy.address,
            # The proxy reads what the program and Vault say to each other, and faults take it away.
            "tls": {"source": "none"},
            **changes,
        }
        settings["init"] = {"shares": SHARES, "threshold": THRESHOLD, **settings.get("init", {})}
        if settings.get("seal") == "shamir":
            settings |= dict.fromkeys(("clusterName", "region", "nodeSecurityGroupId"))
        self.deployment.configure(settings)

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
        self.cancel()

    def cancel(self) -> None:
        """Ends the lock of a run that was killed."""
        # It takes no configuration file, unlike what else is run on a stack.
        cancel = [str(self.stack.tools.pulumi), "cancel", self.stack.name, "--yes", "--non-interactive"]
        with self._command(self.stack, cancel) as run:
            assert run.wait() == 0, run.said

    def pod_address(self, pod: str) -> str | None:
        """Base URL of that pod's Vault; None while it has no address."""
        address = self.kubectl("get", "pod", pod, "--output=jsonpath={.status.podIP}", fails=True).strip()
        return f"http://{address}:8200" if address else None

    def kubectl(self, *arguments: str, fails: bool = False) -> str:
        """What kubectl says of the trial's namespace; it has to succeed unless it may fail."""
        result = self.deployment.cluster.run(f"--namespace={self.name}", *arguments)
        assert fails or result.returncode == 0, result.stderr
        return result.stdout

    def vault_initialized(self) -> bool:
        """Whether pod 0's Vault says that it is initialised."""
        address = self.pod_address(self.pod)
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

    def delete_as_told(self) -> None:
        """What a person does with the lines of the last run that delete an empty Vault: types them."""
        printed = re.findall(r"^ +kubectl (.* delete (?:pvc|pod)/.*)$", self.said[-1], re.MULTILINE)
        lines = list(dict.fromkeys(line.strip() for line in printed))
        assert len(lines) == 2, f"no lines to type:\n{self.said[-1]}"
        for line in lines:
            self.kubectl(*shlex.split(line))

    def await_in_log(self, words: str) -> None:
        """Vault on pod 0 has said this; a new pod may first wait until the old one lets go of its files."""
        log = ("logs", self.pod, "--container=vault")
        poll(f"{words} in the log of {self.pod}", 60, lambda: words in self.kubectl(*log, fails=True))

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

    def require_told(self, seen: Sequence[Seen]) -> None:
        """Fails unless each run said what it is expected to, and none said a secret."""
        self.proxy.require_all_used()
        for expected in seen:
            run = "\n".join(self.said[number - 1] for number in expected.runs)
            missing = [words for words in expected.words if words not in run]
            assert not missing, f"run {expected.runs} didn't say {missing}:\n" + "\n".join(self.said)
        self.require_no_secret_said()

    def require_no_secret_said(self) -> None:
        """Fails if a run said a secret."""
        said = "\n".join(self.said)
        assert not [secret for secret in self.secrets() if secret in said]

    def prove_keys(self) -> Keys:
        """What became of Vault's first keys; fails unless the stored ones unlock the Vault that runs."""
        poll("Vault has addresses", 60, lambda: bool(self.deployment.vault.addresses()))
        prove_by_generate_root(self.deployment.vault.addresses(), self.stored_shares(), THRESHOLD)
        assert self.journal() == ""
        assert self.volumes, "no run left a volume"
        return Keys.NEVER_GIVEN if len(set(self.volumes)) > 1 else Keys.KEPT

"""Pods of a StatefulSet that come back after they were removed, and what their Vault answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from components.kubernetes.kubectl import KubectlError
from components.rollout import steps
from components.rollout.plan import WantedPods
from components.rollout.pods import RolloutPod
from components.rollout.steps import PodReplacement, RolloutInputs
from components.vault.answers import Leader, SealStatus
from components.vault.pod_access import PodAccess
from components.vault.stateful_set import PodOrigin, Server
from tests.unit.fakes.init_inputs import access

OLD = PodOrigin(image="hashicorp/vault:1.18.1", configuration="before", chart="vault-0.29.1")
NEW = PodOrigin(image="hashicorp/vault:1.20.4", configuration="after", chart="vault-0.29.1")
WANTED = WantedPods(image=NEW.image, configuration=NEW.configuration, chart="0.29.1")


def server(
    ordinal: int,
    *,
    outdated: bool = False,
    ready: bool = True,
    running: bool = True,
    terminating: bool = False,
) -> Server:
    """A pod as Kubernetes has it."""
    return Server(
        ordinal=ordinal,
        name=f"vault-{ordinal}",
        pod_uid=f"{'old' if outdated else 'new'}-{ordinal}",
        outdated=outdated,
        created=None,
        terminating=terminating,
        claim=f"data-vault-{ordinal}",
        data_since=None,
        ready=ready,
        running=running,
        origin=OLD if outdated else NEW,
    )


def asked(
    of: Server,
    *,
    leads: bool = False,
    sealed: bool = False,
    alone: bool = False,
    blank: bool = False,
    cluster: str = "c",
    index: int = 100,
) -> RolloutPod:
    """A pod whose Vault has answered; one that is ``alone`` has no connection to a leader."""
    sealed = sealed or blank
    status = SealStatus("awskms", not blank, sealed, True, "1.18.1", "" if sealed else cluster)
    if sealed:
        return RolloutPod(of, status, None, "it is sealed")
    if alone:
        return RolloutPod(of, status, None, "it has no connection to a leader")
    leader = Leader(True, leads, "http://leader:8200", index, index)
    return RolloutPod(of, status, leader, "")


@dataclass
class RollingPods:
    """A StatefulSet whose pods, once removed, pass through the states of a restart at each look."""

    servers: list[Server]
    leader: int
    """Ordinal of the pod that leads."""
    removed: list[str]
    """How and in which order pods were removed."""
    broken: Callable[[Server], bool] = lambda _: False
    """Whether a new pod never gets ready."""
    refusals: list[KubectlError] | None = None
    """What the next removals are answered."""
    at_look: Callable[["RollingPods"], None] = lambda _: None
    """What others do before each look."""
    alone: Callable[["RollingPods", Server], bool] = lambda _, __: False
    """Whether a pod that is ready has no connection to a leader."""
    blank: bool = False
    """Whether nothing is on any volume; such pods never get ready."""
    looks_until_gone: int = 1
    """At how many looks a pod that was removed is still there."""
    silent: Callable[[Server], bool] = lambda _: False
    """Whether a pod can't be asked."""
    looks: dict[str, int] = field(default_factory=dict)
    """How often each pod that was removed was looked at since."""
    most_absent: int = 0
    """The largest number of pods that were away, or on their way, at the same time."""

    def look(self, _access: PodAccess, replicas: int) -> Sequence[Server]:
        """The pods now; one that was removed is deleted, then created, then ready."""
        self.at_look(self)
        shown = list(self.servers)
        away = [one for one in shown if one.terminating or not (one.ready and one.pod_uid)]
        self.most_absent = max(self.most_absent, len(away))
        for ordinal, one in enumerate(shown):
            if one.terminating and self._is_gone(one):
                fresh = server(ordinal)
                self.servers[ordinal] = replace(fresh, ready=False)
            elif not (one.ready or one.outdated or self.blank or self.broken(one)):
                self.servers[ordinal] = replace(one, ready=True)
        return shown[:replicas]

    def _is_gone(self, one: Server) -> bool:
        self.looks[one.pod_uid] = self.looks.get(one.pod_uid, 0) + 1
        return self.looks[one.pod_uid] >= self.looks_until_gone

    def ask(self, _access: PodAccess, servers: Sequence[Server]) -> Sequence[RolloutPod]:
        return [self._asked(one) for one in servers]

    def _asked(self, one: Server) -> RolloutPod:
        if self.silent(one) or not one.running:
            return RolloutPod(one, None, None, "no answer from Vault")
        alone = one.ready and self.alone(self, one)
        leads = one.ordinal == self.leader
        return asked(one, leads=leads, sealed=not one.ready, alone=alone, blank=self.blank)

    def remove(self, how: str, name: str, uid: str) -> None:
        """What Kubernetes does if a pod is to go."""
        if self.refusals:
            raise self.refusals.pop(0)
        ordinal = int(name.rpartition("-")[2])
        if self.servers[ordinal].pod_uid != uid:
            raise KubectlError("Error from server (Conflict): the UID in the precondition")
        self.removed.append(f"{how} {name}")
        # It stays ready, and its Vault answers, until it has ended.
        self.servers[ordinal] = replace(self.servers[ordinal], terminating=True)
        if ordinal == self.leader:
            others = (one.ordinal for one in self.servers if one.ready and not one.terminating)
            self.leader = next(others, -1)

    def provide(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Has the steps see these pods."""

        def evict(_kubectl: object, *, namespace: str, pod: str, uid: str) -> None:
            assert namespace
            self.remove("evict", pod, uid)

        def delete(_access: PodAccess, one: Server) -> None:
            self.remove("delete", one.name, one.pod_uid)

        monkeypatch.setattr(steps, "expected_servers", self.look)
        monkeypatch.setattr(steps, "ask_pods", self.ask)
        monkeypatch.setattr(steps, "evict_pod", evict)
        monkeypatch.setattr(steps, "delete_pod", delete)


def outdated_pods(replicas: int = 3, *, leader: int = 1) -> RollingPods:
    """Healthy pods that all run with the settings from before."""
    return RollingPods([server(ordinal, outdated=True) for ordinal in range(replicas)], leader, [])


def roll(pods: RollingPods, monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    """Replaces the outdated pods, with these inputs changed; each may take little time."""
    pods.provide(monkeypatch)
    inputs = RolloutInputs(
        **{
            "access": access(),
            "replicas": len(pods.servers),
            "wanted": WANTED,
            "pod_seconds": 0.6,
            "token": "",
            **changed,
        }
    )
    PodReplacement(inputs).run()

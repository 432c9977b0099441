"""A run that is killed at any step is gone on with by the next one: each pod goes once, never two at once.

A run touches the world in few ways only: it looks at the pods, it has one of them removed, and with Shamir's
seal it gives shares to one. So it is killed before and behind every one of these, first in one run, then in
each run of several.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from components.rollout import steps
from components.rollout.pods import RolloutPod
from components.rollout.steps import PodReplacement, RolloutInputs
from components.vault.client import VaultClient
from components.vault.pod_access import PodAccess
from components.vault.stateful_set import Server
from tests.unit.fakes.init_inputs import access
from tests.unit.fakes.init_runs import pods_answer
from tests.unit.fakes.rolling_pods import WANTED, RollingPods, outdated_pods
from tests.unit.fakes.scripted_vault import ScriptedVault, seal_status

CLUSTERS = [(1, 0), (3, 0), (3, 2), (5, 3)]
"""Replicas, and the ordinal of the leader."""
MOST_RUNS = 200
SHARES = ["share-1", "share-2"]


class KilledError(BaseException):
    """The process is gone: nothing that a run may catch."""


@dataclass
class KilledRuns:
    """Runs of which each is killed when it has touched the world so often."""

    pods: RollingPods
    touches_left: float
    touches: int = 0
    """How often the world was touched by all runs."""
    leaders: list[bool] = field(default_factory=list)
    """Whether each pod that was removed led then."""
    address: str = ""
    """Of the pods; empty if none is asked but through :meth:`ask`."""
    shares: Sequence[str] = ()

    def touch(self) -> None:
        """Ends the process if this is its last moment."""
        self.touches += 1
        self.touches_left -= 1
        if self.touches_left < 0:
            raise KilledError

    def look(self, of: PodAccess, replicas: int) -> Sequence[Server]:
        self.touch()
        found = self.pods.look(of, replicas)
        self.touch()
        return found

    def ask(self, of: PodAccess, servers: Sequence[Server]) -> Sequence[RolloutPod]:
        self.touch()
        return self.pods.ask(of, servers)

    def remove(self, how: str, name: str, uid: str) -> None:
        self.touch()
        leads = name == f"vault-{self.pods.leader}"
        self.pods.remove(how, name, uid)
        self.leaders.append(leads)
        self.touch()

    def provide(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def evict(_: object, *, namespace: str, pod: str, uid: str) -> None:
            self.remove(f"evict in {namespace}", pod, uid)

        monkeypatch.setattr(steps, "expected_servers", self.look)
        monkeypatch.setattr(steps, "ask_pods", self.ask)
        monkeypatch.setattr(steps, "evict_pod", evict)
        monkeypatch.setattr(steps, "delete_pod", lambda _, one: self.remove("delete", one.name, one.pod_uid))

    def needs_shares(self, vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch) -> None:
        """Has each new pod wait for shares, before which it isn't ready."""
        given: set[str] = set()
        self.pods.broken = lambda one: one.name not in given
        pods_answer(vault, *([seal_status("shamir", initialized=True)] * len(self.pods.servers)))

        def give(client: VaultClient, shares: object, _waiting: object) -> None:
            self.touch()
            assert shares == SHARES
            given.add(client.address.rpartition("/")[2])
            self.touch()

        monkeypatch.setattr(steps, "give_shares", give)
        self.address = f"{vault.address}/{{pod}}"
        self.shares = SHARES

    def run(self) -> bool:
        """One run; whether it came to its end."""
        of = access(self.address) if self.address else access()
        inputs = RolloutInputs(of, len(self.pods.servers), WANTED, 5, token="", key_shares=self.shares)
        try:
            PodReplacement(inputs).run()
        except KilledError:
            return False
        return True


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for between two looks."""
    monkeypatch.setattr("components.progress.time.sleep", lambda _: None)


def require_rolled(runs: KilledRuns) -> None:
    """Every pod was replaced once, the others served meanwhile, and the leader came last."""
    pods = runs.pods
    assert [one.outdated for one in pods.servers] == [False] * len(pods.servers)
    names = [removed.rpartition(" ")[2] for removed in pods.removed]
    assert sorted(names) == [one.name for one in pods.servers]
    assert pods.most_absent == 1
    assert runs.leaders == [*[False] * (len(names) - 1), True]


def uninterrupted(replicas: int, leader: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often a run touches the world that nobody kills."""
    runs = KilledRuns(roll_of(replicas, leader), float("inf"))
    runs.provide(monkeypatch)
    assert runs.run()
    require_rolled(runs)
    return runs.touches


def roll_of(replicas: int, leader: int) -> RollingPods:
    pods = outdated_pods(replicas, leader=leader)
    if replicas == 1:
        # Nobody takes the lead over from a single pod, which leads again when it is back.
        pods.at_look = lambda pods: setattr(pods, "leader", 0)
    return pods


def look_on(pods: RollingPods, looks: int) -> None:
    """What Kubernetes does until the next run begins."""
    for _ in range(looks):
        pods.look(access(), len(pods.servers))


@pytest.mark.parametrize("meanwhile", [0, 1, 3], ids="{} steps of Kubernetes meanwhile".format)
@pytest.mark.parametrize(("replicas", "leader"), CLUSTERS)
def test_run_killed_at_any_step_is_gone_on_with(
    monkeypatch: pytest.MonkeyPatch, replicas: int, leader: int, meanwhile: int
) -> None:
    for last in range(uninterrupted(replicas, leader, monkeypatch)):
        runs = KilledRuns(roll_of(replicas, leader), last)
        runs.provide(monkeypatch)
        assert not runs.run()
        look_on(runs.pods, meanwhile)
        runs.touches_left = float("inf")
        assert runs.run()
        require_rolled(runs)


@pytest.mark.parametrize(("replicas", "leader"), CLUSTERS)
def test_runs_that_are_all_killed_come_to_the_end_together(
    monkeypatch: pytest.MonkeyPatch, replicas: int, leader: int
) -> None:
    """Each at the same of its steps, from the first at which a run can have done anything."""
    for last in range(10, uninterrupted(replicas, leader, monkeypatch)):
        runs = KilledRuns(roll_of(replicas, leader), last)
        runs.provide(monkeypatch)
        assert any(_again(runs, last) for _ in range(MOST_RUNS)), f"{last} steps a run lead nowhere"
        require_rolled(runs)


@pytest.mark.parametrize(("replicas", "leader"), [(1, 0), (3, 1)])
def test_pod_that_a_killed_run_has_left_sealed_gets_its_shares(
    monkeypatch: pytest.MonkeyPatch, vault: ScriptedVault, replicas: int, leader: int
) -> None:
    """The last one as well, behind which no pod is outdated any more."""
    for last in range(1000):
        runs = KilledRuns(roll_of(replicas, leader), last)
        runs.provide(monkeypatch)
        runs.needs_shares(vault, monkeypatch)
        ended = runs.run()
        look_on(runs.pods, 2)
        runs.touches_left = float("inf")
        assert runs.run()
        require_rolled(runs)
        assert all(one.ready for one in runs.pods.servers)
        if ended:
            return
    pytest.fail("no run came to its end")


def _again(runs: KilledRuns, last: int) -> bool:
    runs.touches_left = last
    return runs.run()

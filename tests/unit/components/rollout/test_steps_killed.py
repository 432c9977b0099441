"""A run that is killed at any step is gone on with by the next one: each pod goes once, never two at once.

A run touches the world in two ways only: it looks at the pods, and it has one of them removed. So it is
killed before and behind every one of these, first in one run, then in each run of several.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from components.rollout import steps
from components.rollout.plan import WantedPods
from components.rollout.pods import RolloutPod
from components.rollout.steps import PodReplacement, RolloutInputs
from components.vault.pod_access import PodAccess
from components.vault.stateful_set import Server
from tests.unit.fakes.init_inputs import access
from tests.unit.fakes.rolling_pods import NEW, RollingPods, outdated_pods

WANTED = WantedPods(image=NEW.image, configuration=NEW.configuration, chart="0.29.1")
CLUSTERS = [(1, 0), (3, 0), (3, 2), (5, 3)]
"""Replicas, and the ordinal of the leader."""
MOST_RUNS = 200


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

    def run(self) -> bool:
        """One run; whether it came to its end."""
        inputs = RolloutInputs(access(), len(self.pods.servers), WANTED, pod_seconds=5, token="")
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


def _again(runs: KilledRuns, last: int) -> bool:
    runs.touches_left = last
    return runs.run()

"""Watches the pods of a Vault while they are replaced, and kills runs at chosen moments of it."""

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox.cluster.api_client import KubernetesApi
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.faults.engine_run import EngineRun

UP = ("up", "--yes", "--skip-preview")
LOOK_SECONDS = 0.05


def start(deployment: Deployment, output: Path) -> EngineRun:
    """An update, with what it says in a file."""
    return EngineRun(deployment.stack, deployment.stack.command(UP), output)


def cancel(deployment: Deployment) -> None:
    """Ends the lock of the killed run."""
    stack = deployment.stack
    # It takes no configuration file, unlike what else is run on a stack.
    command = [str(stack.tools.pulumi), "cancel", stack.name, "--yes", "--non-interactive"]
    subprocess.run(command, cwd=stack.program, env=stack.environment(), check=True, capture_output=True)


@dataclass(frozen=True)
class WatchedPod:
    """One pod at one moment."""

    name: str
    uid: str
    terminating: bool
    running: bool
    """Whether Vault's container runs."""
    ready: bool


@dataclass
class WatchedPods:
    """The pods of a StatefulSet, looked at twenty times a second while this is a context manager."""

    api: KubernetesApi
    namespace: str
    replicas: int
    now: Sequence[WatchedPod] = ()
    """As they were seen last."""
    uids: dict[str, list[str]] = field(default_factory=dict)
    """Every pod that was seen of a name, the first one first."""
    gone: list[str] = field(default_factory=list)
    """Names of the first pods, in the order in which they were removed."""
    most_away: int = 0
    """The largest number of pods at one moment that were missing, being removed, or hadn't been ready yet."""
    _served: set[str] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _failure: Exception | None = None

    def __enter__(self) -> Self:
        self._look()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def first(self) -> Sequence[WatchedPod]:
        """Pods that are there since the beginning and haven't been removed."""
        return [pod for pod in self.now if pod.uid == self.uids[pod.name][0] and not pod.terminating]

    @property
    def removed_once(self) -> bool:
        """Whether no name has had more than two pods."""
        return all(len(uids) <= 2 for uids in self.uids.values())

    def newest(self) -> WatchedPod | None:
        """Return the pod that stands in for the one that was removed last; None until it is created."""
        return next(
            (pod for pod in self.now if self.gone and pod.name == self.gone[-1] and not pod.terminating), None
        )

    def require_watched(self) -> None:
        """Fail if the pods couldn't be looked at all the time."""
        assert self._failure is None, self._failure

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            try:
                self._look()
            except Exception as error:  # told by require_watched, in the test's own thread
                self._failure = error

    def _look(self) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/pods?labelSelector=component%3Dserver"
        seen = [_watched(item) for item in self.api.get(path)["items"]]
        for pod in seen:
            known = self.uids.setdefault(pod.name, [])
            if pod.uid not in known:
                known.append(pod.uid)
            if pod.ready:
                self._served.add(pod.uid)
        here = {pod.name: pod for pod in seen}
        for name, uids in self.uids.items():
            found = here.get(name)
            if name not in self.gone and (found is None or found.terminating or found.uid != uids[0]):
                self.gone.append(name)
        serving = [pod for pod in seen if not pod.terminating and pod.uid in self._served]
        self.most_away = max(self.most_away, self.replicas - len(serving))
        self.now = seen


def _watched(pod: Mapping[str, Any]) -> WatchedPod:
    status = pod.get("status") or {}
    states = {one["name"]: one.get("state") or {} for one in status.get("containerStatuses") or ()}
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    return WatchedPod(
        name=pod["metadata"]["name"],
        uid=pod["metadata"]["uid"],
        terminating="deletionTimestamp" in pod["metadata"],
        running="running" in states.get("vault", {}),
        ready=conditions.get("Ready") == "True",
    )


@dataclass(frozen=True)
class Kill:
    """A moment of a roll at which the run is killed."""

    what: str
    at: Callable[[WatchedPods], bool]
    """Whether it has come."""
    said: str = ""
    """What the run has said by then; a pattern."""
    refused: bool = False
    """Whether the disruption budget lets no pod go until then."""


def _replacing(removed: int, of: Callable[[WatchedPod], bool]) -> Callable[[WatchedPods], bool]:
    """Whether so many pods were removed, and the one in the place of the last is as ``of`` says."""

    def at(pods: WatchedPods) -> bool:
        newest = pods.newest()
        return len(pods.gone) == removed and newest is not None and of(newest)

    return at


def terminating(removed: int) -> Callable[[WatchedPods], bool]:
    """Whether so many pods were removed, and the last one still ends."""
    return lambda pods: len(pods.gone) == removed and any(pod.terminating for pod in pods.now)


KILLS = (
    Kill("before the first eviction", lambda pods: not pods.gone, r"Replacing \S+ \(1 of 5\)", refused=True),
    Kill("the pod is ending", terminating(1)),
    Kill("the next pod isn't running", _replacing(2, lambda pod: not pod.running)),
    Kill("it isn't unsealed", _replacing(3, lambda pod: pod.running and not pod.ready)),
    Kill("it is ready, and no voter's health is known yet", _replacing(4, lambda pod: pod.ready)),
    Kill("before the leader", lambda pods: len(pods.gone) == 4, r"Replacing \S+ \(1 of 1\)", refused=True),
    Kill("the leader is ending", terminating(5)),
)
"""The moments of a roll of five pods. The Vault that a killed run has left goes on by itself."""

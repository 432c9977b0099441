"""What may happen to a running Vault, and how long nobody can write then.

All write 20 times a second through the Service of the active server meanwhile.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.errors import SandboxError
from sandbox.processes import wait_until
from tests.benchmarks.vault_cluster import POLL_SECONDS, VaultCluster, vault_process
from tests.benchmarks.writes import PER_SECOND, WriteLoad, failures, longest_gap, outage_seconds

_DEADLINE_SECONDS = 120
_STEADY_BEFORE_SECONDS = 1.0
_STEADY_AFTER_SECONDS = 3.0
# Longer than kubelet needs to find the pod unready, so that writes that went well by chance don't count.
_FROZEN_SECONDS = 20.0


@dataclass(frozen=True)
class LeaderKill:
    """What a client notices when the leader's process is killed."""

    gap_seconds: float
    """The longest time without a write that succeeded."""
    failed_writes: int
    """Of 20 a second, until all was well again: the dead pod can stay in the Service after the gap."""


def kill_leader(cluster: VaultCluster) -> LeaderKill:
    """Kills the leader's process (SIGKILL), and waits until the cluster is whole and no write fails.

    Raises :class:`SandboxError` where that doesn't come.
    """
    active_address = cluster.active_address()
    with WriteLoad(lambda: cluster.write(active_address)) as load:
        _await_steady(load)
        process = vault_process(cluster.leader())
        killed = time.monotonic()
        os.kill(process, signal.SIGKILL)
        wait_until(
            "the cluster is whole after the leader was killed",
            _DEADLINE_SECONDS,
            lambda: (
                time.monotonic() - killed >= _STEADY_AFTER_SECONDS
                and _is_steady(load, _STEADY_AFTER_SECONDS)
                and cluster.is_healthy()
            ),
            interval_seconds=POLL_SECONDS,
        )
        writes = load.writes()
    return LeaderKill(longest_gap(writes, killed).seconds, failures(writes, killed))


def freeze_leader(cluster: VaultCluster) -> float:
    """Stops the leader's process (SIGSTOP) and lets it go on once the others serve alone.

    Returns the seconds after which no write fails any more although it is still frozen. Raises
    :class:`SandboxError` where that doesn't come, or the cluster isn't whole afterwards.
    """
    active_address = cluster.active_address()
    with WriteLoad(lambda: cluster.write(active_address)) as load:
        _await_steady(load)
        process = vault_process(cluster.leader())
        frozen = time.monotonic()
        os.kill(process, signal.SIGSTOP)
        try:
            wait_until(
                "writes succeed while the old leader is frozen",
                _DEADLINE_SECONDS,
                lambda: (
                    time.monotonic() - frozen >= _FROZEN_SECONDS and _is_steady(load, _STEADY_AFTER_SECONDS)
                ),
                interval_seconds=POLL_SECONDS,
            )
            writes = load.writes()
        finally:
            os.kill(process, signal.SIGCONT)
    cluster.await_healthy()
    return outage_seconds(writes, frozen)


@dataclass(frozen=True)
class Roll:
    """What a change of all pods takes, and what a client notices of it."""

    seconds: float
    """From the start of the change until every pod is a new one and healthy."""
    gap_seconds: float
    """The longest time without a write that succeeded."""


def roll(cluster: VaultCluster, change: Callable[[], None]) -> Roll:
    """Measures ``change``, which has to replace every pod; raises :class:`SandboxError` where it doesn't."""
    active_address = cluster.active_address()
    old = {pod["metadata"]["uid"] for pod in cluster.pods()}
    with WriteLoad(lambda: cluster.write(active_address)) as load:
        _await_steady(load)
        began = time.monotonic()
        change()
        cluster.await_healthy()
        seconds = time.monotonic() - began
        if not old.isdisjoint(pod["metadata"]["uid"] for pod in cluster.pods()):
            raise SandboxError("pods from before the change are still there")
        _await_steady(load)
        writes = load.writes()
    return Roll(seconds, longest_gap(writes, began).seconds)


def delete_all_pods(cluster: VaultCluster) -> float:
    """Deletes all pods as ``kubectl delete pod`` does; seconds from there until a write succeeds again.

    The old pods serve on until their preStop hook is over, so the write that counts is the one that ends
    the outage. Raises :class:`SandboxError` where none does.
    """
    active_address = cluster.active_address()
    old = {pod["metadata"]["uid"] for pod in cluster.pods()}

    with WriteLoad(lambda: cluster.write(active_address)) as load:
        _await_steady(load)
        deleted = time.monotonic()
        cluster.delete_pods()
        wait_until(
            "the deleted pods are gone",
            _DEADLINE_SECONDS,
            lambda: old.isdisjoint(pod["metadata"]["uid"] for pod in cluster.pods()),
            interval_seconds=POLL_SECONDS,
        )
        gone = time.monotonic()
        wait_until(
            "a write succeeds after all pods were deleted",
            _DEADLINE_SECONDS,
            lambda: any(write.succeeded and write.began > gone for write in load.writes()),
            interval_seconds=POLL_SECONDS,
        )
        writes = load.writes()
    return longest_gap(writes, deleted).ended - deleted


def _await_steady(load: WriteLoad) -> None:
    wait_until(
        "writes succeed",
        _DEADLINE_SECONDS,
        lambda: _is_steady(load, _STEADY_BEFORE_SECONDS),
        interval_seconds=POLL_SECONDS,
    )


def _is_steady(load: WriteLoad, seconds: float) -> bool:
    """Whether the writes of the last ``seconds`` have all succeeded."""
    expected = int(seconds * PER_SECOND)
    recent = load.writes()[-expected:]
    return len(recent) == expected and all(write.succeeded for write in recent)

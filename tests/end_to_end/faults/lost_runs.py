"""Faults of the run itself: killed at the worst moments, unable to save what it knows, not alone."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.faults import unreliable_store
from tests.end_to_end.faults.another_machine import another_machine
from tests.end_to_end.faults.bench import Bench
from tests.end_to_end.faults.vault_proxy import Exchange
from tests.end_to_end.running_vault import poll

ANOTHER_RUN = "Another run initialises this Vault at the moment"
_PROVIDER_SECONDS = 5
"""How long the plugins of a dead engine are left to finish what they do."""


def kill_before_init(bench: Bench) -> None:
    """Every process of the run is killed as `sys/init` is about to reach Vault."""
    bench.configure()
    with bench.start() as run:
        bench.proxy.on_write("sys/init", lambda _exchange: run.kill_everything())
        run.await_killed()
    assert not bench.vault_initialized()
    bench.unlock()
    bench.up()


def kill_with_the_answer(bench: Bench) -> None:
    """Every process of the run is killed when Vault has answered and nobody has read it."""
    bench.configure()
    with bench.start() as run:

        def lose(exchange: Exchange) -> None:
            assert exchange.forward().status == 200
            run.kill_everything()

        bench.proxy.on_write("sys/init", lose)
        run.await_killed()
    assert bench.vault_initialized()
    bench.unlock()
    bench.up(succeeds=False)
    bench.delete_as_told()
    bench.up()


def kill_before_the_store(bench: Bench) -> None:
    """Every process of the run is killed when the keys are about to be stored."""
    kill_at_the_store(bench, unreliable_store.KILL_BEFORE, stored=False)


def kill_before_the_store_with_shamir(bench: Bench) -> None:
    """The same without a key service: a key in the stack's state encrypts the journal."""
    kill_at_the_store(bench, unreliable_store.KILL_BEFORE, stored=False, seal="shamir")


def kill_after_the_store(bench: Bench) -> None:
    """Every process of the run is killed when the keys have been stored and before the engine hears of it."""
    kill_at_the_store(bench, unreliable_store.KILL_AFTER, stored=True)


def kill_at_the_store(bench: Bench, order: str, *, stored: bool, seal: str = "awskms") -> None:
    bench.configure(seal=seal)
    bench.order(order)
    with bench.start() as run:
        run.await_killed()
    assert Path(bench.store["path"]).exists() is stored
    bench.unlock()
    bench.up()


def kill_the_engine(bench: Bench) -> None:
    """The engine alone is killed while Vault's answer is on its way; the keys were to go into its state."""
    bench.configure(custody=None)
    with bench.start() as run:

        def orphan(exchange: Exchange) -> None:
            answer = exchange.forward()
            run.kill_engine()
            exchange.deliver(answer)

        bench.proxy.on_write("sys/init", orphan)
        run.await_killed()
        time.sleep(_PROVIDER_SECONDS)
    bench.unlock()
    bench.up()


def state_unwritable(bench: Bench) -> None:
    """The engine can't write its state from the moment on at which Vault makes its keys."""
    bench.configure(custody=None)
    with unwritable_on_demand(bench.stack.state) as make_unwritable:

        def answer_without_state(exchange: Exchange) -> None:
            make_unwritable()
            exchange.pass_on()

        bench.proxy.on_write("sys/init", answer_without_state)
        bench.up(succeeds=False)
        assert bench.vault_initialized()
    bench.up()


@contextmanager
def unwritable_on_demand(state: Path) -> Iterator[Callable[[], None]]:
    """A function that makes the folder of the state immutable, as no mode stops root; undone at the end."""
    folder = next((state / ".pulumi" / "stacks").iterdir())
    try:
        yield lambda: _attribute("+i", folder)
    finally:
        _attribute("-i", folder)


def _attribute(change: str, folder: Path) -> None:
    subprocess.run(["chattr", change, str(folder)], check=True, capture_output=True)


def two_runs_of_one_stack(bench: Bench) -> None:
    """A second update of the same stack begins while the first one initialises Vault."""
    bench.configure()
    bench.order(unreliable_store.WAIT)
    with bench.start() as first:
        first.await_said("Initialising Vault")
        bench.up(succeeds=False)
        assert first.wait() == 0, first.said


def two_runs_of_two_copies(bench: Bench) -> None:
    """Two updates from two copies of the state, as of two people on two machines, initialise one Vault."""
    bench.configure()
    with bench.start() as run:
        bench.proxy.on_write("sys/init", lambda _exchange: run.kill_everything())
        run.await_killed()
    bench.unlock()
    with bench.start() as first, bench.start(environment=another_machine(bench)) as second:

        def answer_late(exchange: Exchange) -> None:
            answer = exchange.forward()
            poll("the other run waits", 60, lambda: ANOTHER_RUN in first.said + second.said)
            exchange.deliver(answer)

        bench.proxy.on_write("sys/init", answer_late)
        ended = first.wait(), second.wait()
        assert ended == (0, 0), first.said + second.said
    bench.up(more=["--expect-no-changes"])

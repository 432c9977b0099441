"""Faults of the store that the keys go to."""

import time
from pathlib import Path

from tests.end_to_end.faults import unreliable_store
from tests.end_to_end.faults.bench import Bench

_MORE_THAN_IT_IS_ASKED = 20
_POLLED_SECONDS = 2.0
"""Within this the wait is noticed to have begun."""


def fails_once(bench: Bench) -> None:
    """The first write fails."""
    bench.configure()
    bench.order(unreliable_store.FAIL)
    bench.up()


def fails_for_good(bench: Bench) -> None:
    """Every write fails until a person fixes the store after the run."""
    bench.configure()
    bench.order(*[unreliable_store.FAIL] * _MORE_THAN_IT_IS_ASKED)
    bench.up(succeeds=False)
    assert not Path(bench.store["path"]).exists()
    bench.order()
    bench.up()


def slow(bench: Bench) -> None:
    """The first write takes its time."""
    bench.configure()
    bench.order(unreliable_store.WAIT)
    with bench.start() as run:
        run.await_condition("the store takes the order", lambda: bench.orders_left == "")
        began = time.monotonic()
        assert not Path(bench.store["path"]).exists()
        assert run.wait() == 0, run.said
    assert time.monotonic() - began >= unreliable_store.WAIT_SECONDS - _POLLED_SECONDS

"""Faults of the store that the keys go to."""

from pathlib import Path

from tests.end_to_end.faults import unreliable_store
from tests.end_to_end.faults.bench import Bench

_MORE_THAN_IT_IS_ASKED = 20


def fails_once(bench: Bench) -> None:
    """The first write fails."""
    bench.configure()
    bench.order(unreliable_store.FAIL)
    bench.up()


def fails_for_good(bench: Bench) -> None:
    """Every write fails until a person mends the store after the run."""
    bench.configure()
    bench.order(*[unreliable_store.FAIL] * _MORE_THAN_IT_IS_ASKED)
    bench.up(succeeds=False)
    assert not Path(bench.store["path"]).exists()
    bench.order()
    bench.up()


def slow(bench: Bench) -> None:
    """The first write takes half a minute."""
    bench.configure()
    bench.order(unreliable_store.WAIT)
    bench.up()

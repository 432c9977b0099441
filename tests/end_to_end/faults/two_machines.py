"""Faults of a change of shares that two machines are about at once."""

import threading

from tests.end_to_end.faults.another_machine import another_machine
from tests.end_to_end.faults.shared_vault import SharedVault, Step
from tests.end_to_end.faults.vault_proxy import Exchange
from tests.end_to_end.running_vault import poll

WAITS = "Another run initialises this Vault at the moment, or changes its keys"
_WAIT_SECONDS = 60
_RUN_SECONDS = 240
_MADE = Step("update", last=True)


def two_changes_at_once(bench: SharedVault) -> None:
    """Two updates from two copies of the state change the shares at once."""
    bench.ask_for_other_shares()
    with bench.start() as first, bench.start(environment=another_machine(bench)) as second:

        def answer_late(exchange: Exchange) -> None:
            answer = exchange.forward()
            poll("the other run waits", _WAIT_SECONDS, lambda: WAITS in first.said + second.said)
            exchange.deliver(answer)

        bench.at(_MADE, answer_late)
        ended = first.wait(), second.wait()
        assert ended == (0, 0), first.said + second.said
    bench.up(more=["--expect-no-changes"])


def slept(bench: SharedVault) -> None:
    """A run sleeps with the new shares on their way, another one changes the shares, and it wakes up."""
    bench.ask_for_other_shares()
    other = another_machine(bench)
    asleep, awake = threading.Event(), threading.Event()

    def sleep(exchange: Exchange) -> None:
        answer = exchange.forward()
        first.stop()
        asleep.set()
        assert awake.wait(_RUN_SECONDS)
        exchange.deliver(answer)

    with bench.start() as first:
        bench.at(_MADE, sleep)
        first.await_condition("it sleeps", asleep.is_set)
        # The Lease is as long as it always is.
        bench.up(environment=other)
        stored = bench.stored_shares()
        first.go_on()
        awake.set()
        assert first.wait() != 0, first.said
    assert bench.stored_shares() == stored
    bench.up()
    # The journal has the shares that the run had when it slept.
    bench.up()
    assert bench.stored_shares() == stored

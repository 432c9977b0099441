"""What the stack's outputs say of its Vault."""

from components.status.facts import RecordedStack
from tests.unit.fakes.observed_vault import PEERS, outputs


def test_recorded_stack() -> None:
    stack = RecordedStack.from_outputs(outputs())
    assert (stack.vault, stack.replicas, stack.highly_available) == ("secrets/vault", 3, True)
    assert (stack.unseals_itself, stack.keys_in_state, stack.voters) == (True, True, 3)


def test_voters_that_were_not_verified_are_not_counted() -> None:
    peers = [{**peer, "voter": None} for peer in PEERS]
    assert RecordedStack.from_outputs(outputs(peers=peers)).voters is None


def test_outputs_of_an_earlier_version() -> None:
    earlier = outputs()
    for later in ("mode", "migrate_from", "keys_version", "keys_fingerprint", "peers"):
        del earlier[later]
    stack = RecordedStack.from_outputs(earlier)
    assert (stack.highly_available, stack.migrate_from, stack.voters) == (True, "", None)

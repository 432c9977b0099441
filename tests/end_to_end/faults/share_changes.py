"""Faults of a change of shares: killed at each of its steps, beside other people, without what it left."""

from collections.abc import Mapping
from pathlib import Path

from tests.end_to_end.faults import unreliable_store
from tests.end_to_end.faults.another_machine import another_home
from tests.end_to_end.faults.lost_runs import unwritable_on_demand
from tests.end_to_end.faults.shared_vault import SharedVault, Step
from tests.end_to_end.faults.vault_proxy import Exchange
from tests.end_to_end.running_vault import poll

UNBEGUN = Step("init")
BEGUN = Step("init", answered=True)
NOTED = Step("update")
MADE = Step("update", last=True, answered=True)
KEPT = Step("verify")
VALID = Step("verify", last=True, answered=True)

_TOO_OFTEN = 20
"""More writes than the program asks a store for."""


def killed_unbegun(bench: SharedVault) -> None:
    """Every process is killed before Vault hears of the change."""
    _killed(bench, UNBEGUN)


def killed_with_the_new_shares(bench: SharedVault) -> None:
    """Every process is killed with the new shares on their way from Vault."""
    _killed(bench, MADE)


def killed_once_noted(bench: SharedVault) -> None:
    """Every process is killed when Vault has begun the change and the Lease has its nonce."""
    _killed(bench, NOTED)


def killed_before_the_verification(bench: SharedVault) -> None:
    """Every process is killed when the new shares are in the journal, and the old ones still valid."""
    _killed(bench, KEPT)


def killed_before_the_verification_with_shamir(bench: SharedVault) -> None:
    """The same with the shares that unseal Vault."""
    _killed(bench, KEPT)


def killed_before_the_state(bench: SharedVault) -> None:
    """Every process is killed when the new shares are valid; the state was to have them."""
    _killed(bench, VALID)


def killed_before_the_kubernetes_secret(bench: SharedVault) -> None:
    """The same with a Secret of another namespace."""
    _killed(bench, VALID)


def killed_before_secrets_manager(bench: SharedVault) -> None:
    """The same with AWS Secrets Manager."""
    _killed(bench, VALID)


def _killed(bench: SharedVault, step: Step) -> None:
    bench.ask_for_other_shares()
    bench.kill_at(step)
    bench.up()


def killed_begun(bench: SharedVault) -> None:
    """Every process is killed when Vault has begun the change and nobody knows its nonce yet."""
    bench.ask_for_other_shares()
    bench.kill_at(BEGUN)
    bench.up(succeeds=False)
    _end_the_rekey(bench)
    bench.up()


def killed_while_it_proves(bench: SharedVault) -> None:
    """Every process is killed while Vault tries the shares that are to be replaced."""
    bench.ask_for_other_shares()
    with bench.start() as run:
        bench.proxy.on_write("sys/generate-root/update", lambda _exchange: run.kill_everything())
        run.await_killed()
    bench.cancel()
    assert bench.vault_call("GET", "sys/generate-root/attempt")["started"] is True
    bench.up()


def killed_after_the_store(bench: SharedVault) -> None:
    """Every process is killed when the new shares are stored and before the engine hears of it."""
    bench.ask_for_other_shares()
    bench.order(unreliable_store.KILL_AFTER)
    with bench.start() as run:
        run.await_killed()
    bench.cancel()
    bench.up()


def state_unwritable(bench: SharedVault) -> None:
    """The engine can't write its state from the moment on at which the new shares become valid."""
    bench.ask_for_other_shares()
    with unwritable_on_demand(bench.stack.state) as make_unwritable:

        def answer_without_state(exchange: Exchange) -> None:
            make_unwritable()
            exchange.pass_on()

        bench.at(VALID, answer_without_state)
        bench.up(succeeds=False)
    bench.up()


def set_back_before_the_verification(bench: SharedVault) -> None:
    """Killed while the old shares are valid, and the settings are set back."""
    bench.ask_for_other_shares()
    bench.kill_at(KEPT)
    bench.set_back()
    bench.run("preview")
    bench.up()
    bench.up(more=["--expect-no-changes"])


def set_back_after_the_verification(bench: SharedVault) -> None:
    """Killed when the new shares are valid, and the settings are set back."""
    bench.ask_for_other_shares()
    bench.kill_at(VALID)
    bench.set_back()
    bench.run("preview")
    bench.up()
    bench.up()
    bench.up(more=["--expect-no-changes"])


def answer_lost(bench: SharedVault) -> None:
    """The connection breaks with Vault's answer that the new shares are valid."""
    bench.ask_for_other_shares()

    def lose(exchange: Exchange) -> None:
        assert exchange.forward().status == 200
        exchange.cut()

    bench.at(VALID, lose)
    bench.up()


def store_fails_after_the_kill(bench: SharedVault) -> None:
    """Killed when the new shares are valid; then the store refuses every write until it is fixed."""
    bench.ask_for_other_shares()
    bench.kill_at(VALID)
    before = Path(bench.store["path"]).read_bytes()
    bench.order(*[unreliable_store.FAIL] * _TOO_OFTEN)
    bench.up(succeeds=False)
    assert Path(bench.store["path"]).read_bytes() == before
    bench.order()
    bench.up()


def secret_deleted(bench: SharedVault) -> None:
    """Killed when the new shares are valid, and the journal's Secret is deleted."""
    bench.ask_for_other_shares()
    bench.kill_at(VALID)
    bench.kubectl("delete", "secret", f"{bench.name}-operator-init")
    bench.up()


def machine_lost(bench: SharedVault) -> None:
    """Killed when the new shares are valid, and the machine is gone, with the journal's file."""
    bench.ask_for_other_shares()
    bench.kill_at(VALID)
    bench.up(environment=another_home(bench))


def restarted_with_shamir(bench: SharedVault) -> None:
    """Killed when the new shares are valid; then the pod is restarted, sealed."""
    bench.ask_for_other_shares()
    bench.kill_at(VALID)
    bench.delete_pod()
    vault = bench.deployment.vault
    poll("the new pod answers", 60, lambda: [status["sealed"] for status in vault.seal_statuses()] == [True])
    bench.up()


def rekey_of_a_person(bench: SharedVault) -> None:
    """Somebody else has begun a change of shares."""
    bench.ask_for_other_shares()
    numbers: Mapping[str, object] = {"secret_shares": 1, "secret_threshold": 1, "require_verification": True}
    begun = bench.vault_call("PUT", f"{bench.rekey_path}/init", numbers)
    bench.up(succeeds=False)
    assert bench.vault_call("GET", f"{bench.rekey_path}/init")["nonce"] == begun["nonce"]
    _end_the_rekey(bench)
    bench.up()


def root_token_of_a_person(bench: SharedVault) -> None:
    """Somebody else is about to make a root token."""
    bench.ask_for_other_shares()
    begun = bench.vault_call("PUT", "sys/generate-root/attempt", {})
    bench.up(succeeds=False)
    assert bench.vault_call("GET", "sys/generate-root/attempt")["nonce"] == begun["nonce"]
    bench.vault_call("DELETE", "sys/generate-root/attempt")
    bench.up()


def _end_the_rekey(bench: SharedVault) -> None:
    """What the message tells: `vault operator rekey -cancel -nonce`."""
    nonce = bench.vault_call("GET", f"{bench.rekey_path}/init")["nonce"]
    bench.vault_call("DELETE", f"{bench.rekey_path}/init", {"nonce": nonce})
    assert bench.vault_call("GET", f"{bench.rekey_path}/init")["started"] is False

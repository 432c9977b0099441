"""Faults of Vault's pods and of the way to them."""

from tests.end_to_end.faults import sessions
from tests.end_to_end.faults.bench import Bench
from tests.end_to_end.faults.engine_run import EngineRun
from tests.end_to_end.faults.vault_proxy import Exchange
from tests.end_to_end.running_vault import poll


def tunnel_cut_during_init(bench: Bench) -> None:
    """The port-forward is killed when Vault has made its keys and hasn't answered yet."""
    bench.configure(podAddress=None)
    with bench.start() as run:
        run.await_condition("Vault counts as initialised", bench.vault_initialized)
        assert _cut_tunnels(run) > 0
        assert run.wait() != 0, run.said
    bench.up(succeeds=False)
    bench.delete_as_told()
    bench.up()


def connection_cut_before_init(bench: Bench) -> None:
    """The connection breaks with `sys/init` on its way, before Vault has it."""
    bench.configure()
    bench.proxy.on_write("sys/init", Exchange.cut)
    bench.up(succeeds=False)
    assert not bench.vault_initialized()
    bench.up()


def tunnel_cut_during_verification(bench: Bench) -> None:
    """The port-forward through which raft is asked for its voters is killed."""
    bench.configure(podAddress=None)
    with bench.start() as run:
        run.await_said("RaftQuorum raft-quorum creating")
        run.await_condition("a tunnel for the verification", lambda: bool(run.tunnels()))
        assert _cut_tunnels(run) > 0
        assert run.wait() == 0, run.said


def _cut_tunnels(run: EngineRun) -> int:
    tunnels = run.tunnels()
    for pid in tunnels:
        sessions.end(pid, run.session)
    return len(tunnels)


def pod_deleted_before_the_answer(bench: Bench) -> None:
    """Pod 0 is deleted when Vault has made its keys, and its answer goes with it."""
    bench.configure()

    def delete(exchange: Exchange) -> None:
        exchange.forward()
        bench.delete_pod()
        exchange.cut()

    bench.proxy.on_write("sys/init", delete)
    bench.up(succeeds=False)
    poll("pod 0 is back", 60, bench.vault_initialized)
    bench.up(succeeds=False)
    # The person knows that nothing is in it, which can't be proven any more.
    bench.kubectl("delete", "pvc", "--all", "--wait=false")
    bench.delete_pod()
    bench.up()


def pod_deleted_after_the_answer(bench: Bench) -> None:
    """Pod 0 is deleted while Vault's answer is on its way to the program."""
    bench.configure()

    def delete(exchange: Exchange) -> None:
        answer = exchange.forward()
        bench.delete_pod()
        exchange.deliver(answer)

    bench.proxy.on_write("sys/init", delete)
    bench.up()


def vault_restarted(bench: Bench) -> None:
    """All pods are deleted after the update."""
    bench.configure(podAddress=None)
    bench.up()
    vault = bench.deployment.vault
    vault.delete_pods()
    poll("three unsealed pods", 120, lambda: vault.unsealed() == bench.replicas)
    bench.up(more=["--expect-no-changes"])

"""The context leads to another cluster than the one that the stack was deployed to."""

from tests.end_to_end.faults.bench import Bench
from tests.end_to_end.faults.other_cluster import other_cluster


def wrong_context(bench: Bench) -> None:
    """Behind the same context another cluster answers, with a Vault of the same name in it."""
    bench.configure()
    bench.up()
    with other_cluster(bench.stack.layout.kubeconfig) as other:
        bench.configure(kubeconfig=str(other.kubeconfig))
        bench.run("preview", succeeds=False)
        bench.up(succeeds=False)
        assert other.asked_who_it_is
        assert other.writes == []
    bench.configure()
    bench.up(more=["--expect-no-changes"])

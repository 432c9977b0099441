"""`make bench`: measures the program beside its floors, prints the table and writes it into the documents."""

import argparse
import os
import sys
from collections.abc import Sequence

from sandbox.cluster.credentials import administrator_api
from sandbox.cluster.paths import ClusterPaths
from sandbox.errors import SandboxError
from sandbox.interrupts import allow_interrupts
from sandbox.layout import REPOSITORY, Layout
from sandbox.lifecycle import (
    EXISTING_CLUSTER,
    OFFICIAL_REPOSITORY,
    OFFICIAL_VERSION,
    Environment,
    Sources,
    bring_up,
    tear_down,
)
from sandbox.processes import recorded_names, running
from sandbox.progress import Progress
from tests.benchmarks.empty_program import empty_program
from tests.benchmarks.report import comparisons, notes
from tests.benchmarks.rounds import Contestants
from tests.benchmarks.table import placed, render

DOCUMENT = REPOSITORY / "docs" / "performance.md"


def main(arguments: Sequence[str]) -> int:
    """Runs the benchmark; an error that a person can fix is one message and exit status 1."""
    options = _parser().parse_args(arguments)
    allow_interrupts()
    layout = Layout()
    try:
        _require_free_machine(layout)
        try:
            table = _measure(layout, Progress(sys.stdout), options.runs)
        finally:
            tear_down(layout)
    except SandboxError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(table)
    _place_in_document(table)
    return 0


def _measure(layout: Layout, progress: Progress, runs: int) -> str:
    environment = bring_up(layout, progress, Sources(chart=None, download=True))
    environment.stack.select()
    rounds = []
    with empty_program(environment.stack) as empty:
        contestants = Contestants(
            program=environment.stack,
            empty=empty,
            api=administrator_api(ClusterPaths.of(layout)),
            chart=_chart_arguments(environment),
        )
        for number in range(1, runs + 1):
            with progress.step(f"Round {number} of {runs}"):
                rounds.append(contestants.round())
            progress.note(f"    {rounds[-1]}")
    return render(comparisons(rounds), notes(environment, runs))


def _chart_arguments(environment: Environment) -> Sequence[str]:
    if environment.chart is not None:
        return [str(environment.chart)]
    return ["vault", "--repo", OFFICIAL_REPOSITORY, "--version", OFFICIAL_VERSION]


def _require_free_machine(layout: Layout) -> None:
    """Raises where the measurements would disturb, or be disturbed by, a sandbox in use."""
    if os.environ.get(EXISTING_CLUSTER):
        raise SandboxError(
            f"The benchmark deletes and kills pods, so it takes its own cluster: unset {EXISTING_CLUSTER}."
        )
    if layout.stack_configuration.exists() or any(running(layout, name) for name in recorded_names(layout)):
        raise SandboxError("A sandbox is up, and the benchmark begins with nothing. Run `make down` first.")


def _place_in_document(table: str) -> None:
    document = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    with_table = placed(document, table)
    if with_table is None:
        print(f"{DOCUMENT.name} has no place for the table, so it is only printed.")
    else:
        DOCUMENT.write_text(with_table, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--runs", type=_positive, default=5, help="how often each is measured (default: 5)")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one run is needed")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

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
from tests.benchmarks.floor_stack import floor_stack
from tests.benchmarks.report import notes, preview_comparisons, update_comparisons
from tests.benchmarks.rounds import PREVIEWS_A_RUN, Contestants
from tests.benchmarks.samples import Comparison
from tests.benchmarks.table import placed, render

PREVIEW, UPDATE = ROWS = ("preview", "update")
# Auditing is on by default. Alarms want a resource definition of the Prometheus Operator, and a bucket would
# outlive the round.
_EVERYTHING = {
    "metrics": {"enabled": True, "scrape": "annotations", "rules": False},
    "snapshots": {"schedule": "17 3 * * *", "volume": {"size": "1Gi"}},
}
DOCUMENT = REPOSITORY / "docs" / "performance.md"


def main(arguments: Sequence[str]) -> int:
    """Runs the benchmark; an error that a person can fix is one message and exit status 1."""
    options = _parser().parse_args(arguments)
    allow_interrupts()
    layout = Layout()
    try:
        _require_free_machine(layout)
        try:
            table = _measure(layout, Progress(sys.stdout), options.runs, options.rows)
        finally:
            tear_down(layout)
    except SandboxError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(table)
    if set(options.rows) == set(ROWS):
        _place_in_document(table)
    return 0


def _measure(layout: Layout, progress: Progress, runs: int, rows: Sequence[str]) -> str:
    environment = bring_up(layout, progress, Sources(chart=None, download=True))
    # The bare minimum has no certificate.
    settings = {**environment.settings, "tls": {"source": "none"}}
    environment.stack.configure(settings)
    environment.stack.select()
    found: list[Comparison] = []
    with floor_stack(environment.stack) as floor:
        contestants = Contestants(
            program=environment.stack,
            empty=floor,
            api=administrator_api(ClusterPaths.of(layout)),
            chart=_chart_arguments(environment),
            settings=settings,
            everything={**environment.settings, "tls": {"source": "own"}, **_EVERYTHING},
        )
        if PREVIEW in rows:
            previews = runs * PREVIEWS_A_RUN
            with progress.step(f"Previews, {previews} of the program and {previews} of its floor"):
                found += preview_comparisons(contestants.previews(previews))
        if UPDATE in rows:
            _require_slow_key(environment)
            rounds = []
            for number in range(1, runs + 1):
                with progress.step(f"Round {number} of {runs}"):
                    rounds.append(contestants.update())
                progress.note(f"    {rounds[-1]}")
            found += update_comparisons(rounds)
    return render(found, notes(environment, runs))


def _require_slow_key(environment: Environment) -> None:
    """Raise if the provider can't be told how long a key takes."""
    if any(plugin.name == "aws" and plugin.kind == "real" for plugin in environment.plugins):
        raise SandboxError(
            "The row with the slow key is measured with the stand-in of the AWS plugin: take the real "
            "pulumi-resource-aws off the PATH, or measure the previews alone (--rows preview)."
        )


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
    parser.add_argument(
        "--runs",
        type=_positive,
        default=5,
        help="how often an update is measured, and a third as often as a preview is (default: 5)",
    )
    parser.add_argument(
        "--rows",
        nargs="+",
        choices=ROWS,
        default=ROWS,
        help="measure and print these rows only, and leave the document alone (default: all)",
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one run is needed")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

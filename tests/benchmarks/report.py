"""What the table says: its rows, from all rounds, and the notes that make them comparable."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sandbox.lifecycle import OFFICIAL_VERSION, Environment
from tests.benchmarks.disturbances import LeaderKill
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.rounds import Deployment, Round
from tests.benchmarks.samples import Comparison, Samples


def comparisons(rounds: Sequence[Round]) -> Sequence[Comparison]:
    """The rows of the table; the goals are those that the project has set itself."""

    def samples(measured: Callable[[Round], float]) -> Samples:
        return Samples([measured(one) for one in rounds])

    def kill_samples(side: Callable[[Round], Deployment], measured: Callable[[LeaderKill], float]) -> Samples:
        return Samples([measured(kill) for one in rounds for kill in side(one).kills])

    return [
        Comparison(
            "`pulumi preview` without changes",
            "s",
            samples(lambda one: one.preview),
            samples(lambda one: one.empty_preview),
            goal=1.2,
        ),
        Comparison(
            "`pulumi up`, empty namespace to three healthy voters",
            "s",
            samples(lambda one: one.program.seconds),
            samples(lambda one: one.floor.seconds),
            goal=1.15,
            allowance=samples(lambda one: one.engine_start),
        ),
        Comparison(
            "all pods deleted until a write succeeds",
            "s",
            samples(lambda one: one.program.rewrite_seconds),
            samples(lambda one: one.floor.rewrite_seconds),
            goal=1.0,
        ),
        Comparison(
            "leader killed: longest gap between writes",
            "s",
            kill_samples(lambda one: one.program, lambda kill: kill.gap_seconds),
            kill_samples(lambda one: one.floor, lambda kill: kill.gap_seconds),
            goal=1.0,
        ),
        Comparison(
            "leader killed: failed writes, of 20 a second",
            "writes",
            kill_samples(lambda one: one.program, lambda kill: kill.failed_writes),
            kill_samples(lambda one: one.floor, lambda kill: kill.failed_writes),
            goal=1.0,
        ),
    ]


def notes(environment: Environment, runs: int) -> Sequence[str]:
    """When, on what and how it was measured."""
    chart = f"official chart {OFFICIAL_VERSION}" if environment.chart is None else "the sandbox's own chart"
    plugins = ", ".join(f"{plugin.name} {plugin.version} ({plugin.kind})" for plugin in environment.plugins)
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}; {runs} runs, program and floor in turns, two "
        f"leaders killed on either side of each; {chart}; provider plugins: {plugins}.",
        "Floor of the preview: a program that has the same imports and nothing else.",
        "Floor of `pulumi up`: `helm install` of the same chart with the same values, one init call as soon "
        "as pod 0 answers, and asking autopilot until three voters are healthy, with key and role there "
        "already. `pulumi up` makes those, too, and verifies the injector. Its allowance is the start of the "
        "engine: `pulumi up` of the empty program from an empty state.",
        "Floor of the others: the same on the cluster that the bare minimum made. Writes go to the Service "
        "of the active server, 20 a second; one that takes longer than 2 s has failed.",
    ]

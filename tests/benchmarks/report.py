"""What the table says: its rows, from all rounds, and the notes that make them comparable."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sandbox.lifecycle import OFFICIAL_VERSION, Environment
from tests.benchmarks.disturbances import LeaderKill
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.rounds import PREVIEWS_A_RUN, SLOW_KEY_SECONDS, Deployment, PreviewRound, UpdateRound
from tests.benchmarks.samples import Comparison, Samples


def preview_comparisons(rounds: Sequence[PreviewRound]) -> Sequence[Comparison]:
    """Return the row of the preview; its goal is one that the project has set itself."""
    program = Samples([one.program for one in rounds])
    floor = Samples([one.floor for one in rounds])
    return [Comparison("`pulumi preview` without changes", "s", program, floor, goal=1.15)]


def update_comparisons(rounds: Sequence[UpdateRound]) -> Sequence[Comparison]:
    """Return the rows from `pulumi up` on; the goals are those that the project has set itself."""

    def samples(measured: Callable[[UpdateRound], float]) -> Samples:
        return Samples([measured(one) for one in rounds])

    def kill_samples(
        side: Callable[[UpdateRound], Deployment], measured: Callable[[LeaderKill], float]
    ) -> Samples:
        return Samples([measured(kill) for one in rounds for kill in side(one).kills])

    return [
        Comparison(
            "`pulumi up`, empty namespace to three healthy voters",
            "s",
            samples(lambda one: one.program.seconds),
            samples(lambda one: one.floor.seconds),
            goal=1.15,
            allowance=samples(lambda one: one.engine_start),
        ),
        Comparison(
            f"the same, if the provider takes {SLOW_KEY_SECONDS:g} s to create the key",
            "s",
            samples(lambda one: one.slow_key),
            samples(lambda one: one.floor.seconds),
            goal=1.15,
            allowance=samples(lambda one: one.engine_start + SLOW_KEY_SECONDS),
        ),
        Comparison(
            "the same with TLS, metrics and a first snapshot",
            "s",
            samples(lambda one: one.everything),
            samples(lambda one: one.everything_floor),
            goal=1.3,
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
        Comparison(
            "leader frozen: until no write fails, while it stays so",
            "s",
            samples(lambda one: one.program.frozen_seconds),
            samples(lambda one: one.floor.frozen_seconds),
            goal=1.0,
        ),
        Comparison(
            "all pods changed: longest gap between writes",
            "s",
            samples(lambda one: one.program.roll.gap_seconds),
            samples(lambda one: one.floor.roll.gap_seconds),
            goal=1.0,
        ),
        Comparison(
            "all pods changed, one after another",
            "s",
            samples(lambda one: one.program.roll.seconds),
            samples(lambda one: one.floor.roll.seconds),
            goal=1.15,
            allowance=samples(lambda one: one.engine_start),
        ),
    ]


def notes(environment: Environment, runs: int) -> Sequence[str]:
    """When, on what and how it was measured."""
    chart = f"official chart {OFFICIAL_VERSION}" if environment.chart is None else "the sandbox's own chart"
    plugins = ", ".join(f"{plugin.name} {plugin.version} ({plugin.kind})" for plugin in environment.plugins)
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}; {runs} runs, and "
        f"{runs * PREVIEWS_A_RUN} of the preview, program and floor in turns, two leaders killed "
        f"on either side of each; {chart}; provider plugins: {plugins}.",
        "Floor of the preview: a program that registers the same providers, so that their plugins start, and "
        "one dynamic resource that asks nothing.",
        "Floor of `pulumi up`: `helm install` of the same chart with the same values, one init call as soon "
        "as pod 0 answers, and asking autopilot until three voters are healthy, with key and role there "
        "already. `pulumi up` makes those, too, and verifies the injector. Its allowance is the start of the "
        "engine and its plugins: `pulumi up` of the preview's floor from an empty state.",
        "Floor of the row with TLS: the same with its values, the certificate there already; then the audit "
        "devices and the snapshots' access are made by a call each, and a snapshot by the schedule's job.",
        "Floor of the others: the same on the cluster of the bare minimum, where `helm upgrade` changes "
        "the pods and they are deleted by hand, the leader last. Writes go to the Service "
        "of the active server, 20 a second; one that takes longer than 2 s has failed.",
    ]

"""Each measurement in its own row, with the program on one side and the floor on the other."""

from tests.benchmarks.disturbances import LeaderKill, Roll
from tests.benchmarks.report import preview_comparisons, update_comparisons
from tests.benchmarks.rounds import Deployment, PreviewRound, UpdateRound


def test_every_measurement_is_beside_its_floor_with_its_goal() -> None:
    measured = UpdateRound(
        engine_start=1.0,
        program=Deployment(
            4.0,
            [LeaderKill(gap_seconds=5.0, failed_writes=6)],
            frozen_seconds=8.0,
            roll=Roll(seconds=9.0, gap_seconds=10.0),
            rewrite_seconds=7.0,
        ),
        floor=Deployment(
            14.0,
            [LeaderKill(gap_seconds=15.0, failed_writes=16)],
            frozen_seconds=18.0,
            roll=Roll(seconds=19.0, gap_seconds=21.0),
            rewrite_seconds=17.0,
        ),
        slow_key=20.0,
        everything=22.0,
        everything_floor=23.0,
    )
    rows = [*preview_comparisons([PreviewRound(2.0, 3.0)]), *update_comparisons([measured])]

    assert [(row.program.median, row.floor.median, row.goal) for row in rows] == [
        (2.0, 3.0, 1.15),
        (4.0, 14.0, 1.15),
        (20.0, 14.0, 1.15),
        (22.0, 23.0, 1.3),
        (7.0, 17.0, 1.0),
        (5.0, 15.0, 1.0),
        (6, 16, 1.0),
        (8.0, 18.0, 1.0),
        (10.0, 21.0, 1.0),
        (9.0, 19.0, 1.15),
    ]
    allowances = [row.allowance and row.allowance.median for row in rows]
    assert allowances == [None, 1.0, 11.0, 1.0, None, None, None, None, None, 1.0]


def test_every_round_is_a_sample_and_so_is_every_kill() -> None:
    def measured(seconds: float, *gaps: float) -> UpdateRound:
        rolled = Roll(1.0, 1.0)
        program = Deployment(seconds, [LeaderKill(gap, 1) for gap in gaps], 1.0, rolled, 1.0)
        return UpdateRound(
            1.0, program, Deployment(1.0, [LeaderKill(9.0, 9)], 1.0, rolled, 1.0), 1.0, 1.0, 1.0
        )

    rows = update_comparisons([measured(3.0, 0.3, 0.2), measured(1.0, 0.4), measured(2.0, 0.1)])

    assert rows[0].program.values == [3.0, 1.0, 2.0]
    assert rows[4].program.values == [0.3, 0.2, 0.4, 0.1]
    assert rows[4].floor.values == [9.0, 9.0, 9.0]

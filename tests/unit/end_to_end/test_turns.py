"""Tests run side by side, but for those that have to be alone."""

import threading
from pathlib import Path

from tests.end_to_end.turns import turn


def test_several_run_side_by_side(tmp_path: Path) -> None:
    with turn(tmp_path, alone=False), turn(tmp_path, alone=False):
        pass


def test_nobody_runs_beside_one_that_is_alone(tmp_path: Path) -> None:
    order: list[str] = []

    def take(name: str, *, alone: bool) -> threading.Thread:
        def run() -> None:
            with turn(tmp_path, alone=alone):
                order.append(name)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    with turn(tmp_path, alone=False):
        alone = take("alone", alone=True)
        alone.join(0.3)
        # It has asked before, so it is not overtaken.
        later = take("later", alone=False)
        later.join(0.3)
        assert order == []
    for thread in (alone, later):
        thread.join(5)
    assert order == ["alone", "later"]

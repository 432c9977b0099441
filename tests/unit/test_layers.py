"""The table of layers: what is run, where it stops, and what it says of each layer."""

from pathlib import Path

import pytest

from tests import layers

MAKEFILE = """
quick:
\t@echo quick ran
tests:
\t@echo '{"tests": 3, "longest": "test_a.py::test_slow", "seconds": 1.5}' > $$LAYER_RECORDS/1.json
\t@echo '{"tests": 4, "longest": "test_b.py::test_slower", "seconds": 2.5}' > $$LAYER_RECORDS/2.json
broken:
\t@echo broken ran; exit 3
busy:
\t@i=0; while [ $$i -lt 100000 ]; do i=$$((i+1)); done
"""


@pytest.fixture(autouse=True)
def makefile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAKEFLAGS", raising=False)


def test_the_records_of_a_layers_runs_are_added_up(capfd: pytest.CaptureFixture[str]) -> None:
    assert layers.main(["tests"]) == 0
    assert [line.split() for line in capfd.readouterr().out.splitlines()[1:]] == [
        ["layer", "result", "tests", "wall", "processor", "longest", "test"],
        ["tests", "passed", "7", "0", "s", "0", "s", "2.5", "s", "test_b.py::test_slower"],
    ]


def test_layers_side_by_side_all_run_and_print_whole(capfd: pytest.CaptureFixture[str]) -> None:
    assert layers.main(["broken,quick"]) == 1
    printed = capfd.readouterr().out
    assert "broken ran" in printed
    assert "quick ran" in printed
    assert [line.split()[:2] for line in printed.splitlines()[-2:]] == [
        ["broken", "failed"],
        ["quick", "passed"],
    ]


def test_nothing_runs_behind_a_failure(capfd: pytest.CaptureFixture[str]) -> None:
    assert layers.main(["broken", "quick"]) == 1
    assert "quick" not in capfd.readouterr().out


def test_processor_time_is_that_of_the_layers_processes() -> None:
    run = layers.run_layer("busy", alone=True)
    assert 0.02 < run.processor <= run.wall * 2

"""Leave a record of how many tests a run had and how long the longest took, for the table of layers.

Written only if ``LAYER_RECORDS`` names a folder, as ``tests.layers`` does: a file for each pytest run.
"""

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import TypedDict

import pytest

FOLDER = "LAYER_RECORDS"


class Record(TypedDict):
    """What one run of pytest was: how many tests ran, and the longest with its seconds."""

    tests: int
    longest: str
    seconds: float


def pytest_configure(config: pytest.Config) -> None:
    """Add up the run's reports, in the process that controls the run."""
    folder = os.environ.get(FOLDER)
    if folder and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Durations(Path(folder)), "durations")


class _Durations:
    """Add up the seconds of each test: its fixtures', its own and the tearing down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.skipped:
            self.seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        longest = max(self.seconds, key=lambda nodeid: self.seconds[nodeid], default="")
        record: Record = {
            "tests": len(self.seconds),
            "longest": longest,
            "seconds": self.seconds[longest] if longest else 0.0,
        }
        (self.folder / f"{os.getpid()}.json").write_text(json.dumps(record), encoding="utf-8")

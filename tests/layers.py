"""Run layers of `make` one after another, or side by side, and print what each took.

    python -m tests.layers lint,types,unit integration end-to-end

Layers joined by a comma run side by side; what one of those prints comes whole, as soon as it ends. The run
stops behind the first group with a failure. The table has, for each layer that ran: its tests, the wall time,
the processor time of all its processes that were waited for, and the longest test with its fixtures.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.pytest_plugins.durations import FOLDER, Record


@dataclass(frozen=True)
class LayerRun:
    """What one layer took; times in seconds."""

    name: str
    failed: bool
    tests: int
    wall: float
    processor: float
    longest: float
    longest_test: str

    @property
    def row(self) -> Sequence[str]:
        """The layer's cells of the table."""
        return (
            self.name,
            "failed" if self.failed else "passed",
            str(self.tests) if self.tests else "",
            f"{self.wall:.0f} s",
            f"{self.processor:.0f} s",
            f"{self.longest:.1f} s  {self.longest_test}" if self.longest_test else "",
        )


HEADINGS = ("layer", "result", "tests", "wall", "processor", "longest test")


def run_layer(name: str, *, alone: bool) -> LayerRun:
    """Run `make <name>`. Its output goes straight through if it runs alone, else in one piece at its end."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as output:
        started = time.monotonic()
        if not alone:
            print(f"{name}: began", flush=True)
        process = subprocess.Popen(
            ["make", "--no-print-directory", name],
            env={**os.environ, FOLDER: folder},
            stdout=None if alone else output,
            stderr=None if alone else subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - started
        records: list[Record] = [
            json.loads(path.read_text(encoding="utf-8")) for path in Path(folder).iterdir()
        ]
        if not alone:
            ended = "passed" if process.returncode == 0 else "failed"
            output.seek(0)
            print(f"{name}: {ended} after {wall:.0f} s\n{output.read()}", flush=True)
    nothing: Record = {"tests": 0, "longest": "", "seconds": 0.0}
    longest = max(records, key=lambda record: record["seconds"], default=nothing)
    return LayerRun(
        name,
        failed=process.returncode != 0,
        tests=sum(record["tests"] for record in records),
        wall=wall,
        processor=usage.ru_utime + usage.ru_stime,
        longest=longest["seconds"],
        longest_test=longest["longest"],
    )


def run_groups(groups: Sequence[Sequence[str]]) -> Sequence[LayerRun]:
    """Run each group's layers side by side, up to the first group with a failure."""
    runs: list[LayerRun] = []
    for group in groups:
        with ThreadPoolExecutor(len(group)) as threads:
            runs += threads.map(partial(run_layer, alone=len(group) == 1), group)
        if any(run.failed for run in runs):
            break
    return runs


def table(runs: Sequence[LayerRun]) -> str:
    """Return the rows of these layers beneath their headings, in columns."""
    rows = [HEADINGS, *(run.row for run in runs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def main(arguments: Sequence[str]) -> int:
    """Run the groups of layers that the arguments name; 1 if a layer failed."""
    runs = run_groups([argument.split(",") for argument in arguments])
    print(f"\n{table(runs)}")
    return int(any(run.failed for run in runs))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

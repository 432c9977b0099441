"""What a run of the tests has shown of each fault, and whether `docs/faults.md` says the same.

`python -m tests.end_to_end.faults.results PART FOLDER...` compares. PART is `keys`, the faults of the
end-to-end tests, or `interruptions`, those of the integration tests; each folder has the results of some.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.layout import REPOSITORY, Layout
from tests.end_to_end.faults import expectations
from tests.end_to_end.faults.change_table import CHANGES
from tests.end_to_end.faults.expectations import Keys, results_folder
from tests.end_to_end.faults.fault import Row
from tests.end_to_end.faults.fault_table import FAULTS as AWS_FAULTS
from tests.end_to_end.google.google_fault_table import GOOGLE_FAULTS
from tests.integration.interruptions import interruption
from tests.integration.interruptions.interruption import Interruption, Settled
from tests.integration.interruptions.interruption_table import INTERRUPTIONS

FIRST_INIT: tuple[Row, ...] = (*AWS_FAULTS, *GOOGLE_FAULTS)
"""The rows of the page's first part."""
FAULTS: tuple[Row, ...] = (*FIRST_INIT, *CHANGES)
PAGE = REPOSITORY / "docs" / "faults.md"
_ROWS: tuple[Row | Interruption, ...] = (*FAULTS, *INTERRUPTIONS)
NUMBERS: Mapping[str, int] = {row.name: number for number, row in enumerate(_ROWS, start=1)}
"""Each row's number on the page, by its name."""


@dataclass(frozen=True)
class Part:
    """Rows of the page whose results one layer's tests write down."""

    rows: Sequence[Row | Interruption]
    summary: Callable[[Sequence[str]], str]
    """Makes the page's line on all of them from the last cells of their rows."""


PARTS: Mapping[str, Part] = {
    "keys": Part(FAULTS, expectations.summary),
    "interruptions": Part(INTERRUPTIONS, interruption.summary),
}


def write_result(layout: Layout, row: Row | Interruption, outcome: Keys | Settled) -> None:
    """Write down what became of the keys, or what settled an interruption."""
    folder = results_folder(layout.home)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NUMBERS[row.name]}.json"
    path.write_text(json.dumps({"fault": row.name, "outcome": outcome.value}))


def read_results(homes: Sequence[Path]) -> Mapping[str, str]:
    """Read what the last cell of each row should be, by the row's name."""
    paths = [path for home in homes for path in results_folder(home).glob("*.json")]
    results = [json.loads(path.read_text()) for path in paths]
    return {result["fault"]: result["outcome"] for result in results}


def differences(part: Part, results: Mapping[str, str], page: str) -> Sequence[str]:
    """Compare the results of a run with the page, row by row."""
    problems = [
        f"row {NUMBERS[row.name]}, {row.name}: no result, so it wasn't injected or wasn't proved"
        for row in part.rows
        if row.name not in results
    ]
    for row in part.rows:
        outcome, number = results.get(row.name), NUMBERS[row.name]
        line = next((line for line in page.splitlines() if line.startswith(f"| {number} |")), "")
        if outcome is not None and not line.endswith(f"| {outcome} |"):
            problems.append(f"row {number}, {row.name}: {outcome} in the run, and not on the page")
    summary = part.summary(list(results.values()))
    if not problems and summary not in page:
        problems.append(f"the page doesn't say: {summary}")
    return problems


def main(name: str, *homes: str) -> int:
    """Print what the run has shown; fails where the page says something else."""
    part, results = PARTS[name], read_results([Path(home) for home in homes])
    problems = differences(part, results, PAGE.read_text(encoding="utf-8"))
    for problem in problems:
        print(f"{PAGE.name}: {problem}", file=sys.stderr)
    if not problems:
        print(part.summary(list(results.values())))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

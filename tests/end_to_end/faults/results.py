"""What became of the keys in each fault of a run, and whether `docs/faults.md` says the same.

`python -m tests.end_to_end.faults.results FOLDER...` compares; each folder is the home of a sandbox in which
faults were injected.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.layout import REPOSITORY, Layout
from tests.end_to_end.faults.change_table import CHANGES
from tests.end_to_end.faults.expectations import Keys, results_folder, summary
from tests.end_to_end.faults.fault import Row
from tests.end_to_end.faults.fault_table import FAULTS as AWS_FAULTS
from tests.end_to_end.google.google_fault_table import GOOGLE_FAULTS

FIRST_INIT: tuple[Row, ...] = (*AWS_FAULTS, *GOOGLE_FAULTS)
"""The rows of the page's first part."""
FAULTS: tuple[Row, ...] = (*FIRST_INIT, *CHANGES)
PAGE = REPOSITORY / "docs" / "faults.md"


def write_result(layout: Layout, fault: Row, keys: Keys) -> None:
    """Write down what became of the keys."""
    folder = results_folder(layout.home)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{FAULTS.index(fault) + 1}.json"
    path.write_text(json.dumps({"fault": fault.name, "keys": keys.value}))


def read_results(homes: Sequence[Path]) -> Mapping[str, Keys]:
    """Read what became of the keys, by the fault's name."""
    paths = [path for home in homes for path in results_folder(home).glob("*.json")]
    results = [json.loads(path.read_text()) for path in paths]
    return {result["fault"]: Keys(result["keys"]) for result in results}


def differences(results: Mapping[str, Keys], page: str) -> Sequence[str]:
    """Compare the results of a run with the page, row by row."""
    problems = [
        f"row {number}, {fault.name}: no result, so it wasn't injected or the keys weren't proved"
        for number, fault in enumerate(FAULTS, start=1)
        if fault.name not in results
    ]
    for number, fault in enumerate(FAULTS, start=1):
        keys = results.get(fault.name)
        row = next((line for line in page.splitlines() if line.startswith(f"| {number} |")), "")
        if keys is not None and not row.endswith(f"| {keys.value} |"):
            problems.append(f"row {number}, {fault.name}: {keys.value} in the run, and not on the page")
    if not problems and summary(list(results.values())) not in page:
        problems.append(f"the page doesn't say: {summary(list(results.values()))}")
    return problems


def main(homes: Sequence[str]) -> int:
    """Print what the run has shown; fails where the page says something else."""
    results = read_results([Path(home) for home in homes])
    problems = differences(results, PAGE.read_text(encoding="utf-8"))
    for problem in problems:
        print(f"{PAGE.name}: {problem}", file=sys.stderr)
    if not problems:
        print(summary(list(results.values())))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

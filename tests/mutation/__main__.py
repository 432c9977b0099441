"""Break components/ in a hundred places, one at a time, and see which unit tests notice.

    python -m tests.mutation --sample 100 --seed 7
    python -m tests.mutation --in components/custody/stores/file.py:64

For each mutant the unit tests of its own module run first, then all the others; the table says which of them
noticed, and each mutant that lives is named. A tool of our own, since the kept ones answer another question:
mutmut picks the tests by what they cover and cosmic-ray runs one command for every mutant, so neither tells a
module's own tests from the others', and neither draws a sample again from its seed.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutation.mutants import Mutant, mutants_of
from tests.official_chart import chart_data

REPOSITORY = Path(__file__).resolve().parents[2]
OWN, OTHER, ALIVE = "killed by its module's own unit tests", "killed by other unit tests", "alive"


def own_tests(module: Path) -> list[str]:
    """Return the test files named after this module.

    `test_journal_cipher.py` is `journal_cipher`'s; it would be `journal`'s if there were no such module.
    """
    names = sorted((path.stem for path in (REPOSITORY / module.parent).glob("*.py")), key=len, reverse=True)
    return [
        str(test.relative_to(REPOSITORY))
        for test in sorted((REPOSITORY / "tests" / "unit" / module.parent).glob("test_*.py"))
        if next((name for name in names if f"{test.stem}_".startswith(f"test_{name}_")), "") == module.stem
    ]


def all_tests(module_name: str) -> list[str]:
    """Return the files of the program's unit tests, those that name the module first."""
    unit = REPOSITORY / "tests" / "unit"
    tests = [*unit.glob("components/**/test_*.py"), *unit.glob("test_*.py")]
    tests.sort(key=lambda test: (module_name not in test.read_text(encoding="utf-8"), str(test)))
    return [str(test.relative_to(REPOSITORY)) for test in tests]


def pass_in(copy: Path, tests: Sequence[str]) -> bool:
    """Return whether these tests pass in that copy of the repository."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "VAULT_HELM_DATA": str(chart_data()), "PYTHONDONTWRITEBYTECODE": "1"}
    return (
        subprocess.run(command, cwd=copy, env=environment, capture_output=True, check=False).returncode == 0
    )


def fate(mutant: Mutant, copy: Path) -> str:
    """Put the mutant into that copy, run the tests, and take it out again."""
    file = copy / mutant.file
    source = file.read_text(encoding="utf-8")
    file.write_text(mutant.broken(source), encoding="utf-8")
    try:
        own = own_tests(mutant.file)
        if own and not pass_in(copy, own):
            return OWN
        others = [test for test in all_tests(mutant.file.stem) if test not in own]
        return ALIVE if pass_in(copy, others) else OTHER
    finally:
        file.write_text(source, encoding="utf-8")


def chosen(sample: int, seed: int, place: str) -> list[Mutant]:
    """Return a sample of the mutants in a file, folder or `file:line`; all of them if there are fewer."""
    path, _, line = place.partition(":")
    files = [REPOSITORY / path] if path.endswith(".py") else sorted((REPOSITORY / path).rglob("*.py"))
    found = [
        mutant
        for file in files
        for mutant in mutants_of(file.relative_to(REPOSITORY), file.read_text(encoding="utf-8"))
        if line in ("", str(mutant.line))
    ]
    print(f"{len(found)} mutants are possible in {place}", flush=True)
    return random.Random(seed).sample(found, min(sample, len(found)))  # noqa: S311  # no secret is drawn


def main(arguments: Sequence[str]) -> int:
    """Try the mutants and print their fates; 1 if one lives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--in", dest="place", default="components", help="a folder, a file or file:line")
    options = parser.parse_args(arguments)
    mutants = chosen(options.sample, options.seed, options.place)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.workers) as threads:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(options.workers):
            left_out = shutil.ignore_patterns(".*", "__pycache__")
            copies.put(shutil.copytree(REPOSITORY, Path(folder, str(number)), ignore=left_out))
        if not pass_in(Path(folder, "0"), all_tests("")):
            sys.exit("The unit tests fail without any mutant: run `make unit`")

        def tried(mutant: Mutant) -> str:
            copy = copies.get()
            try:
                found = fate(mutant, copy)
            finally:
                copies.put(copy)
            print(f"{found}: {mutant}", flush=True)
            return found

        fates = list(threads.map(tried, mutants))
    counts = Counter(fates)
    print("\n" + "\n".join(f"{counts[name]:4}  {name}" for name in (OWN, OTHER, ALIVE)))
    print(
        "\n".join(f"      {mutant}" for mutant, found in zip(mutants, fates, strict=True) if found == ALIVE)
    )
    return int(counts[ALIVE] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

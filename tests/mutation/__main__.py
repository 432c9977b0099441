"""Break components/ in a hundred places, one at a time, and see which unit tests notice.

    python -m tests.mutation --sample 100 --seed 7
    python -m tests.mutation --in components/custody/stores/file.py:64

For each mutant the unit tests of its own module run first; for what lives then, all the others. The table
says which of them noticed, and each mutant that its module's own tests let live is named. A mutant that hangs
is killed by a time-out.

A tool of our own, since the kept ones answer another question: mutmut picks the tests by what they cover and
cosmic-ray runs one command for every mutant, so neither tells a module's own tests from the others', and
neither draws a sample again from its seed.

What lives shows a gap in the tests, or changes nothing that could be seen: `<` for `<=` between two moments
of a clock, a guard of which both sides lead to the same value (the name of the Secret in `seals/gcpckms.py`),
or two flags that every tool sets together (those of a key for encryption in `custody/pgp_keys.py`).
"""

import argparse
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.unit_tests import REPOSITORY, all_tests, import_dependencies, own_tests, pass_in

Trial = Callable[[Mutant, Path], bool]


def copy_of_repository(folder: Path) -> Path:
    """Return this process's own copy of the repository, which is created if need be."""
    copy = folder / str(os.getpid())
    if not copy.exists():
        shutil.copytree(REPOSITORY, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    return copy


def lives(mutant: Mutant, tests: Sequence[str], folder: Path) -> bool:
    """Return whether the mutant passes these tests."""
    if not tests:
        return True
    copy = copy_of_repository(folder)
    file = copy / mutant.file
    source = file.read_text(encoding="utf-8")
    file.write_text(mutant.broken(source), encoding="utf-8")
    try:
        return pass_in(copy, tests)
    finally:
        file.write_text(source, encoding="utf-8")


def lives_own(mutant: Mutant, folder: Path) -> bool:
    """Return whether the mutant passes its module's own unit tests."""
    return lives(mutant, own_tests(mutant.file), folder)


def lives_others(mutant: Mutant, folder: Path) -> bool:
    """Return whether the mutant passes the other unit tests."""
    own = own_tests(mutant.file)
    return lives(mutant, [test for test in all_tests(mutant.file.stem) if test not in own], folder)


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
    import_dependencies()
    with (
        tempfile.TemporaryDirectory() as name,
        ProcessPoolExecutor(options.workers, multiprocessing.get_context("fork")) as processes,
    ):
        folder = Path(name)
        tests = sorted({test for mutant in mutants for test in own_tests(mutant.file)})
        if tests and not pass_in(copy_of_repository(folder), tests):
            sys.exit("The unit tests fail without any mutant: run `make unit`")

        def living(tried: list[Mutant], trial: Trial) -> list[Mutant]:
            found = []
            for mutant, lives_on in zip(tried, processes.map(trial, tried, repeat(folder)), strict=True):
                print("." if lives_on else "x", end="", flush=True)
                found += [mutant] * lives_on
            print(flush=True)
            return found

        passed_own = living(mutants, lives_own)
        print(f"{len(mutants) - len(passed_own):4}  killed by their modules' own unit tests", flush=True)
        alive = living(passed_own, lives_others)
    print(f"{len(passed_own) - len(alive):4}  killed by other unit tests only")
    print("".join(f"      {mutant}\n" for mutant in passed_own if mutant not in alive), end="")
    print(f"{len(alive):4}  alive")
    print("".join(f"      {mutant}\n" for mutant in alive), end="")
    return int(bool(alive))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

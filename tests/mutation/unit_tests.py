"""Find the unit tests of a module of components/, and run tests in a fork, which starts at once."""

import ast
import importlib
import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.official_chart import chart_data

REPOSITORY = Path(__file__).resolve().parents[2]
OWN_PACKAGES = ("components", "sandbox", "tests")

# Seconds. A mutant that hangs in a test is killed by the first, one that hangs elsewhere by the second.
TEST_SECONDS = 30
RUN_SECONDS = 900


def own_tests(module: Path) -> list[str]:
    """Return the test files named after this module, at the place that mirrors the module's.

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
    tests = [*unit.glob("components/**/test_*.py"), *unit.glob("test_program*.py")]
    tests.sort(key=lambda test: (module_name not in test.read_text(encoding="utf-8"), str(test)))
    return [str(test.relative_to(REPOSITORY)) for test in tests]


def import_dependencies() -> None:
    """Import every package that the program and its unit tests name, so that no run has to."""
    for file in [*REPOSITORY.glob("components/**/*.py"), *REPOSITORY.glob("tests/unit/components/**/*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            for name in names:
                if name.partition(".")[0] not in OWN_PACKAGES:
                    importlib.import_module(name)


def pass_in(copy: Path, tests: Sequence[str]) -> bool:
    """Return whether these tests pass in that copy of the repository.

    The run is a fork of this process, which has every dependency imported, with the copy's own modules.
    """
    run = multiprocessing.get_context("fork").Process(target=_run, args=(copy, tests))
    run.start()
    run.join(RUN_SECONDS)
    if run.is_alive():
        run.kill()
        run.join()
    return run.exitcode == 0


def _run(copy: Path, tests: Sequence[str]) -> None:
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    os.chdir(copy)
    os.environ["VAULT_HELM_DATA"] = str(chart_data())
    # A mutant of the same second and size would be taken for the module whose bytecode lies there.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    sys.path[:] = [str(copy), *(path for path in sys.path if Path(path).resolve() != REPOSITORY)]
    for name in list(sys.modules):
        if name.partition(".")[0] in OWN_PACKAGES:
            del sys.modules[name]
    sys.exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", f"--timeout={TEST_SECONDS}", *tests]))

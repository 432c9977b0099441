"""Whether the run that left a journal is still at work."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from components.journal.lock_holder import ORPHAN_SECONDS, OTHER_HOST_SECONDS, LockHolder
from sandbox.layout import REPOSITORY
from tests.unit.fakes.commands_on_path import only_commands

PRINT_IDENTITY = (
    "import json, dataclasses, sys\n"
    "from components.journal.lock_holder import LockHolder\n"
    "print(json.dumps(dataclasses.asdict(LockHolder.current())), flush=True)\n"
    "sys.stdin.read()\n"
)


@contextmanager
def other_process(*command: str) -> Iterator[tuple["subprocess.Popen[str]", LockHolder]]:
    """A run in another process, as it described itself."""
    with subprocess.Popen(
        [*command, sys.executable, "-c", PRINT_IDENTITY],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        identity = LockHolder.from_properties(json.loads(process.stdout.readline()))
        try:
            yield process, identity
        finally:
            process.kill()


def test_own_process() -> None:
    current = LockHolder.current()
    assert current.process.pid == os.getpid()
    assert current.is_this_process
    assert current.may_be_alive(10**6)
    assert LockHolder.from_properties(asdict(current)) == current
    assert LockHolder.current().run_id != current.run_id


def test_other_process_while_it_runs_and_afterwards() -> None:
    with other_process() as (process, identity):
        assert not identity.is_this_process
        assert identity.may_be_alive(10**6)
        process.kill()
        # Nobody has waited for it yet, so that it is a zombie.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not identity.may_be_alive(0)
        process.wait()
        assert not identity.may_be_alive(0)


def test_number_of_a_dead_process_given_to_another_one() -> None:
    current = LockHolder.current()
    earlier = replace(current, process=replace(current.process, started="1"))
    assert not earlier.may_be_alive(0)
    assert not earlier.is_this_process


def test_run_on_another_machine_counts_by_its_age() -> None:
    elsewhere = replace(LockHolder.current(), system="another boot")
    assert not elsewhere.is_this_process
    assert elsewhere.may_be_alive(OTHER_HOST_SECONDS - 1)
    assert not elsewhere.may_be_alive(OTHER_HOST_SECONDS)


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """A command of the engine's name that starts another one and stays above it."""
    path = tmp_path / "pulumi"
    path.write_text(f"#!{sys.executable}\nimport subprocess, sys\nsubprocess.run(sys.argv[1:])\n")
    path.chmod(0o755)
    return path


def test_engine_that_dies_leaves_an_orphan(engine: Path) -> None:
    with other_process(str(engine)) as (process, identity):
        assert identity.engine is not None
        assert identity.engine.pid == process.pid
        assert identity.may_be_alive(10**6)
        process.kill()
        process.wait()
        # The process itself waits on.
        assert identity.process.runs
        assert identity.may_be_alive(ORPHAN_SECONDS - 1)
        assert not identity.may_be_alive(ORPHAN_SECONDS)


def test_without_proc_the_command_ps_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("components.journal.lock_holder._PROC", tmp_path / "none")
    script = f"[ \"$4\" = {os.getpid()} ] && echo 'S+ 1 Mon Nov 23 19:34:21 2026 python3'"
    only_commands(monkeypatch, tmp_path / "commands", ps=script)
    current = LockHolder.current()
    assert current.process.started == "Mon Nov 23 19:34:21 2026"
    assert current.is_this_process
    gone = replace(current, process=replace(current.process, pid=os.getpid() + 1))
    assert not gone.may_be_alive(0)


@pytest.mark.parametrize(
    "line", ["S+ 1 Mon Nov 23 19:34:21 2026", "Z+ 1 Mon Nov 23 19:34:21 2026 python3"], ids=["short", "ended"]
)
def test_process_that_ps_tells_nothing_of_has_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str
) -> None:
    monkeypatch.setattr("components.journal.lock_holder._PROC", tmp_path / "none")
    only_commands(monkeypatch, tmp_path / "commands", ps=f"echo '{line}'")
    assert LockHolder.current().process.started == ""


def test_where_nothing_tells_of_processes_the_age_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("components.journal.lock_holder._PROC", tmp_path / "none")
    only_commands(monkeypatch, tmp_path / "commands")
    current = LockHolder.current()
    assert current.process.started == ""
    assert current.may_be_alive(OTHER_HOST_SECONDS - 1)
    assert not current.may_be_alive(OTHER_HOST_SECONDS)

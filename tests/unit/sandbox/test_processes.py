import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import processes
from sandbox.errors import SandboxError
from sandbox.layout import Layout

SLEEP = ["sleep", "60"]
DEADLINE_SECONDS = 30.0
"""Long, as other tests may hold the processor; waiting ends as soon as its condition holds."""


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    layout = Layout(tmp_path)
    yield layout
    for name in processes.recorded_names(layout):
        processes.stop(layout, name, grace_seconds=0.2)


def record(layout: Layout, name: str) -> dict[str, int | str]:
    contents: dict[str, int | str] = json.loads((layout.pids / f"{name}.json").read_text())
    return contents


def wait_for_end(layout: Layout, name: str) -> None:
    processes.wait_until(f"{name} ends", DEADLINE_SECONDS, lambda: not processes.running(layout, name))


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_started_process_runs_in_a_session_of_its_own_until_it_is_stopped(layout: Layout) -> None:
    processes.start(layout, "sleeper", SLEEP)
    pid = processes.running_pid(layout, "sleeper")
    assert pid is not None
    assert os.getsid(pid) == pid
    assert processes.recorded_names(layout) == ["sleeper"]

    processes.stop(layout, "sleeper")

    assert not processes.running(layout, "sleeper")
    assert not exists(pid)
    assert processes.recorded_names(layout) == []


def test_a_process_outlives_the_one_that_started_it(layout: Layout) -> None:
    program = (
        "from pathlib import Path; from sandbox import processes; from sandbox.layout import Layout; "
        f"processes.start(Layout(Path({str(layout.home)!r})), 'sleeper', {SLEEP!r})"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    pid = processes.running_pid(layout, "sleeper")
    assert pid is not None

    processes.stop(layout, "sleeper")

    assert processes.running_pid(layout, "sleeper") is None


def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(layout: Layout) -> None:
    processes.start(layout, "stubborn", ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"])
    processes.wait_until(
        "it ignores SIGTERM", DEADLINE_SECONDS, lambda: processes.log_tail(layout, "stubborn") == "ready"
    )
    pid = processes.running_pid(layout, "stubborn")
    assert pid is not None
    began = time.monotonic()

    processes.stop(layout, "stubborn", grace_seconds=0.3)

    assert not exists(pid)
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(("field", "offset"), [("start_ticks", 1), ("boot_id", None)])
def test_a_process_that_has_the_id_of_an_earlier_one_is_left_alone(
    layout: Layout, field: str, offset: int | None
) -> None:
    processes.start(layout, "sleeper", SLEEP)
    stale = record(layout, "sleeper")
    pid = int(stale["pid"])
    stale[field] = int(stale[field]) + offset if offset is not None else "another boot"
    (layout.pids / "stale.json").write_text(json.dumps(stale))

    assert not processes.running(layout, "stale")
    processes.stop(layout, "stale")

    assert processes.running_pid(layout, "sleeper") == pid
    assert processes.recorded_names(layout) == ["sleeper"]


def test_stopping_what_was_never_started_or_has_ended_does_nothing(layout: Layout) -> None:
    processes.stop(layout, "never")
    processes.start(layout, "brief", ["true"])
    wait_for_end(layout, "brief")
    processes.stop(layout, "brief")
    processes.stop(layout, "brief")
    assert processes.recorded_names(layout) == []


def test_an_ended_child_is_reaped(layout: Layout) -> None:
    processes.start(layout, "brief", ["true"])
    pid = int(record(layout, "brief")["pid"])
    wait_for_end(layout, "brief")
    assert not exists(pid)


def test_a_child_that_is_a_zombie_of_another_process_does_not_run(layout: Layout) -> None:
    # The parent keeps the child's object: one that is dropped reaps the child if that has ended by then.
    parent = (
        "import subprocess, time; child = subprocess.Popen(['true']); print(child.pid, flush=True); "
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        try:
            stat = Path(f"/proc/{pid}/stat")
            processes.wait_until("it is a zombie", DEADLINE_SECONDS, lambda: ") Z " in stat.read_text())
            ticks = int(stat.read_text().rpartition(")")[2].split()[19])
            boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            layout.pids.mkdir(parents=True)
            zombie = {"pid": pid, "start_ticks": ticks, "boot_id": boot_id}
            (layout.pids / "zombie.json").write_text(json.dumps(zombie))
            assert not processes.running(layout, "zombie")
        finally:
            process.send_signal(signal.SIGKILL)


def test_starting_a_name_twice_is_refused(layout: Layout) -> None:
    processes.start(layout, "sleeper", SLEEP)
    with pytest.raises(SandboxError, match="sleeper runs already"):
        processes.start(layout, "sleeper", SLEEP)


def test_a_program_that_is_not_there_is_named(layout: Layout) -> None:
    with pytest.raises(SandboxError, match=r"thing could not be started: /no/such/program: No such file"):
        processes.start(layout, "thing", ["/no/such/program"])
    assert processes.recorded_names(layout) == []


def test_only_the_given_environment_reaches_the_process(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for others")
    processes.start(layout, "plain", ["env"])
    processes.start(layout, "given", ["env"], env={"COLOUR": "blue"})
    for name, expected in (("plain", f"PATH={processes.SYSTEM_PATH}"), ("given", "COLOUR=blue")):
        wait_for_end(layout, name)
        assert processes.log_tail(layout, name) == expected


def test_no_open_file_of_the_caller_reaches_the_process(layout: Layout, tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        # Told by the process itself: seen from outside it may still have its libraries open.
        processes.start(layout, "teller", ["sh", "-c", "readlink /proc/$$/fd/*"])
        wait_for_end(layout, "teller")
    targets = processes.log_tail(layout, "teller").splitlines()
    assert sorted(targets) == sorted(["/dev/null", *[str(processes.log_path(layout, "teller"))] * 2])


def test_the_working_directory_is_the_given_one(layout: Layout, tmp_path: Path) -> None:
    processes.start(layout, "where", ["pwd"], cwd=tmp_path)
    processes.wait_until(
        "it tells", DEADLINE_SECONDS, lambda: processes.log_tail(layout, "where") == str(tmp_path)
    )


def test_the_log_is_of_the_present_process_and_its_tail_is_its_last_lines(layout: Layout) -> None:
    for text in ("first", "1\\n2\\n3"):
        processes.start(layout, "writer", ["printf", text])
        wait_for_end(layout, "writer")
    assert processes.log_tail(layout, "writer", lines=2) == "2\n3"
    assert processes.log_tail(layout, "writer") == "1\n2\n3"
    assert processes.log_tail(layout, "never started") == ""


def test_several_are_stopped_at_the_same_time(layout: Layout) -> None:
    names = ["one", "two", "three"]
    for name in names:
        processes.start(layout, name, ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"])
    processes.wait_until(
        "all ignore SIGTERM",
        DEADLINE_SECONDS,
        lambda: all(processes.log_tail(layout, name) == "ready" for name in names),
    )
    began = time.monotonic()
    processes.stop_all(layout, names, grace_seconds=1)
    assert time.monotonic() - began < 2.5
    assert processes.recorded_names(layout) == []


def test_waiting_ends_as_soon_as_the_probe_is_true() -> None:
    answers = iter([False, False, True])
    processes.wait_until("the third answer", DEADLINE_SECONDS, lambda: next(answers), interval_seconds=0.01)
    assert next(answers, "none left") == "none left"


def test_waiting_in_vain_tells_for_what_how_long_and_what_is_known() -> None:
    with pytest.raises(SandboxError) as caught:
        processes.wait_until(
            "rain", 0.05, lambda: False, interval_seconds=0.01, on_timeout=lambda: "the sky is blue"
        )
    assert str(caught.value) == "timed out after 0.05 s: rain\nthe sky is blue"


def test_waiting_for_a_process_that_has_ended_shows_its_log_at_once(layout: Layout) -> None:
    processes.start(layout, "failing", ["sh", "-c", "echo no such database; exit 1"])
    began = time.monotonic()
    with pytest.raises(SandboxError, match=r"failing has ended\nend of .*failing\.log:\nno such database"):
        processes.wait_until_serving(layout, "failing", 30, lambda: False, description="it serves")
    assert time.monotonic() - began < 10


def test_waiting_for_a_process_that_does_not_serve_shows_its_log_in_the_end(layout: Layout) -> None:
    processes.start(layout, "idle", ["sh", "-c", "echo thinking; exec sleep 60"])
    processes.wait_until("it has begun", DEADLINE_SECONDS, lambda: processes.log_tail(layout, "idle") != "")
    with pytest.raises(SandboxError, match=r"timed out after 0.1 s: it serves\nend of .*:\nthinking"):
        processes.wait_until_serving(layout, "idle", 0.1, lambda: False, description="it serves")

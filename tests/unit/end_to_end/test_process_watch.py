"""The watch sees what is there for a moment only: arguments, environment and files of a run's processes."""

import subprocess
import sys
import time
from pathlib import Path

from tests.end_to_end.faults import sessions
from tests.end_to_end.faults.process_watch import (
    ARGUMENTS,
    ENVIRONMENT,
    ENVIRONMENT_OF_PROGRAM,
    ProcessWatch,
)
from tests.end_to_end.faults.secret_scan import SecretScan

SECRET = "hvs.seenForAMomentOnly0123456"


def watched(folder: Path, script: str) -> set[str]:
    """Places at which the secret was seen while the script ran."""
    process = subprocess.Popen(["sh", "-c", script], start_new_session=True)
    try:
        with ProcessWatch(process.pid, [folder], {}) as watch:
            process.wait(20)
    finally:
        sessions.kill(process.pid)
        process.wait()
    assert watch.rounds > 5
    scan = SecretScan.of({"token": SECRET})
    return {finding.place for place, content in watch.seen() for finding in scan.in_bytes(content, place)}


def test_a_file_that_is_gone_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    script = f"mkdir {path.parent}; sleep 0.3; echo $(cat {tmp_path}/source) > {path}; sleep 0.3; rm {path}"
    (tmp_path / "source").write_text("nothing")
    assert watched(tmp_path, script) == set()
    path.parent.rmdir()
    (tmp_path / "source").write_text(SECRET)
    assert str(path) in watched(tmp_path, script)
    assert not path.exists()


def test_an_argument_and_the_environment(tmp_path: Path) -> None:
    name = tmp_path / "token"
    name.write_text(SECRET)
    # The shell gets the secret from a file, so that its own arguments don't have it.
    argument = f"{sys.executable} -c 'import time; time.sleep(0.5)' $(cat {name})"
    environment = f"X=$(cat {name}) {sys.executable} -c 'import time; time.sleep(0.5)'"
    assert watched(tmp_path / "none", argument) == {ARGUMENTS}
    assert watched(tmp_path / "none", environment) == {ENVIRONMENT}
    assert watched(tmp_path / "none", f"{environment} pulumi-language-python-exec") == {
        ENVIRONMENT_OF_PROGRAM
    }


def test_only_the_session_is_killed() -> None:
    own = subprocess.Popen(["sleep", "30"])
    other = subprocess.Popen(["sh", "-c", "sleep 30 & sleep 30"], start_new_session=True)
    try:
        deadline = time.monotonic() + 5
        while len(sessions.members(other.pid)) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(sessions.members(other.pid)) == 3
        sessions.kill(other.pid)
        assert other.wait(5) < 0
        assert sessions.members(other.pid) == []
        assert own.poll() is None
    finally:
        sessions.kill(other.pid)
        own.kill()
        own.wait()

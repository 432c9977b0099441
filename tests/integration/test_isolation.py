"""Commands in sandboxes of their own: neither network nor .sandbox nor a process is shared with anybody."""

import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler

import pytest

from sandbox.layout import REPOSITORY

Completed = subprocess.CompletedProcess[str]
HOMES = REPOSITORY / ".sandbox" / "isolated"


@pytest.fixture
def name() -> Iterator[str]:
    """A name that no other sandbox has; its folder is removed afterwards."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    shutil.rmtree(HOMES / name)


def isolated(name: str, script: str) -> Completed:
    """The shell's script, run in the sandbox of that name."""
    return subprocess.run(
        ["sandbox/isolated.sh", name, "sh", "-euc", script],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_there_is_nothing_but_the_loopback_on_the_network(name: str) -> None:
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as outside:
        threading.Thread(target=outside.serve_forever, daemon=True).start()
        port = outside.server_port
        client = f"python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 5)'"
        assert subprocess.run(client, shell=True, check=False).returncode == 0  # noqa: S602 - of the test
        result = isolated(name, f"ls /proc/sys/net/ipv4/conf; ip route; {client}")
        outside.shutdown()
    assert result.stdout.split() == ["all", "default", "lo"]
    assert "ConnectionRefusedError" in result.stderr


def test_its_files_are_in_a_folder_of_its_own(name: str) -> None:
    result = isolated(name, "echo inside > .sandbox/mark")
    assert result.returncode == 0, result.stderr
    assert (HOMES / name / "mark").read_text() == "inside\n"
    assert not (REPOSITORY / ".sandbox" / "mark").exists()


def test_no_process_outlives_the_command_and_its_status_is_told(name: str) -> None:
    mark = f"60.{uuid.uuid4().int % 10**9}"
    result = isolated(name, f"setsid sleep {mark} & exit 3")
    assert result.returncode == 3, result.stderr
    assert mark not in subprocess.run(["ps", "ax"], capture_output=True, text=True, check=True).stdout


def test_two_of_one_name_do_not_run_at_once(name: str) -> None:
    with subprocess.Popen(
        ["sandbox/isolated.sh", name, "sh", "-c", "echo began; sleep 2"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "began\n"
        second = isolated(name, "true")
    assert second.returncode == 1
    assert "another command runs in" in second.stderr

"""The script beside Vault, run by this machine's shell on a process that a test has started.

It is shown that process alone, never others of this machine.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from components.vault.certificate_reload import FOLDER, reload_values

SERVER = "trap 'echo >> hangups' HUP\n: > ready\nwhile :; do /bin/sleep 0.05; done\n"
STEPS = 6
"""Rounds of the script in which nothing more happens."""


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@dataclass
class Pod:
    """A folder with the certificate as the kubelet keeps it, and a process that is called as Vault is."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    socket: socket.socket
    """Vault's port; nobody listens on it at first."""

    def put(self, version: str) -> None:
        """Change the files as the kubelet does: a new folder, then the link."""
        (self.folder / version).mkdir()
        link = self.folder / "..new"
        link.symlink_to(version)
        link.rename(self.folder / "..data")

    def lines(self, name: str) -> int:
        """Number of lines in a file of the folder."""
        file = self.folder / name
        return len(file.read_text().splitlines()) if file.exists() else 0

    @property
    def hangups(self) -> int:
        """How often the process was told to read its files."""
        return self.lines("hangups")

    def told(self, number: int) -> bool:
        """Whether it was told so often."""
        return self.hangups == number

    def watch(self, *command: str) -> "subprocess.Popen[bytes]":
        """Run the script, which leaves its loop behind as it does in the container."""
        shell, option, text, name = reload_values()["postStart"]
        for old, new in {
            FOLDER: str(self.folder),
            "/proc/[0-9]*": f"/proc/{self.process.pid}",
            ":2008 ": f":{self.socket.getsockname()[1]:04X} ",
            "sleep 10": "echo >> rounds; sleep 0.05",
            "/proc/1/fd/1": str(self.folder / "log"),
        }.items():
            assert old in text
            text = text.replace(old, new)
        return subprocess.Popen(
            [shell, option, text, name, *command],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def after_some_rounds(self) -> None:
        """Wait until the script has looked a few times more."""
        seen = self.lines("rounds")
        until(lambda: self.lines("rounds") >= seen + STEPS, "the script looks")


@contextlib.contextmanager
def heeded_hangups() -> Iterator[None]:
    """Let processes that are started heed a SIGHUP: a shell can't trap what it has inherited as ignored.

    So it is below `nohup`.
    """
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    """The pod; nothing watches its certificate yet."""
    (tmp_path / "server").write_text(SERVER)
    (tmp_path / "log").touch()
    command = ["vault", "server", "-config=x"]
    with (
        heeded_hangups(),
        socket.socket() as port,
        subprocess.Popen(command, executable="/bin/sh", cwd=tmp_path) as process,
    ):
        port.bind(("127.0.0.1", 0))
        found = Pod(tmp_path, process, port)
        found.put("first")
        try:
            until((tmp_path / "ready").exists, "the process runs")
            yield found
        finally:
            process.kill()


@pytest.fixture
def watched(pod: Pod) -> Iterator[Pod]:
    """The pod, with its certificate watched from the start."""
    script = pod.watch()
    try:
        assert script.wait(timeout=10) == 0
        pod.after_some_rounds()
        yield pod
    finally:
        os.killpg(script.pid, signal.SIGKILL)


def test_vault_is_told_of_each_other_certificate_once(watched: Pod) -> None:
    watched.socket.listen()
    watched.after_some_rounds()
    assert watched.hangups == 0
    for number, version in enumerate(("second", "third"), start=1):
        watched.put(version)
        until(partial(watched.told, number), f"told of the {version}")
        watched.after_some_rounds()
        assert watched.hangups == number
    assert (watched.folder / "log").read_text() == "Vault reads its certificate again\n" * 2


def test_vault_that_does_not_listen_yet_is_left_alone(watched: Pod) -> None:
    """The signal would end it before it has asked for signals."""
    watched.put("second")
    watched.after_some_rounds()
    assert watched.hangups == 0
    watched.socket.listen()
    until(lambda: watched.hangups == 1, "told once it listens")


def test_vault_that_listens_before_may_have_an_older_certificate(pod: Pod) -> None:
    pod.socket.listen()
    script = pod.watch()
    try:
        until(lambda: pod.hangups == 1, "told once")
        pod.after_some_rounds()
        assert pod.hangups == 1
    finally:
        os.killpg(script.pid, signal.SIGKILL)


def test_other_processes_are_left_alone(pod: Pod) -> None:
    """Such as the command `vault` of a person, or the agent."""
    pod.socket.listen()
    (pod.folder / "agent").write_text(SERVER)
    agent = subprocess.Popen(["vault", "agent", "server"], executable="/bin/sh", cwd=pod.folder)
    pod.process.kill()
    pod.process = agent
    script = pod.watch()
    try:
        pod.after_some_rounds()
        assert (pod.hangups, (pod.folder / "log").read_text()) == (0, "")
    finally:
        agent.kill()
        agent.wait()
        os.killpg(script.pid, signal.SIGKILL)


def test_further_command_is_run_and_its_end_is_the_end(pod: Pod) -> None:
    script = pod.watch("/bin/sh", "-c", 'echo "$1"; exit 3', "name", "an argument")
    try:
        # The loop holds nothing open that the kubelet would wait for.
        output, _ = script.communicate(timeout=10)
        assert (script.returncode, output) == (3, b"an argument\n")
    finally:
        os.killpg(script.pid, signal.SIGKILL)

"""The script that rotates the audit log, run by this machine's shell beside a stand-in of Vault."""

import gzip
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.vault.certificate_reload import FOLDER, reload_values
from components.vault.server_watch import rotates, watch_values
from tests.unit.components.vault.test_certificate_reload import heeded_hangups, until
from tests.unit.fakes.stack_settings import EKS, parse

# Appends to the log by its name at each SIGHUP, as Vault creates the file then.
SERVER = (
    "trap 'echo >> hangups; [ -e deaf ] || : >> audit/audit.log' HUP\n: > ready\n"
    "while :; do /bin/sleep 0.05; done\n"
)
SIZE, KEEP = 1000, 2
STEPS = 4


@dataclass
class Pod:
    """A folder with the audit volume, and a process that is called as Vault is, and whose port is open."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    socket: socket.socket
    script: str

    @property
    def log(self) -> Path:
        return self.folder / "audit" / "audit.log"

    @property
    def rotated(self) -> list[str]:
        """Names of the rotated files."""
        return sorted(file.name for file in self.log.parent.iterdir() if file != self.log)

    def lines(self, name: str) -> int:
        file = self.folder / name
        return len(file.read_text().splitlines()) if file.exists() else 0

    def after_some_rounds(self) -> None:
        """Wait until the script has looked a few times more."""
        seen = self.lines("rounds")
        until(lambda: self.lines("rounds") >= seen + STEPS, "the script looks")

    def has_rotated(self, number: int) -> None:
        """Write more than may be in a file, and wait until Vault was told so often."""
        self.log.write_text(f"{number}\n" * SIZE)
        until(lambda: self.lines("hangups") == number, f"told {number} times")

    @property
    def said(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def pod(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pod]:
    """The pod with the script at work; a marker `disk` of a test is what `df` says."""
    (tmp_path / "audit").mkdir()
    (tmp_path / "server").write_text(SERVER)
    (tmp_path / "log").touch()
    command = ["vault", "server", "-config=x"]
    settings = parse(
        {**EKS, "audit": {"devices": ["file", "stdout"], "rotate": {"size": str(SIZE), "keep": KEEP}}}
    )
    shell, option, text, name = watch_values(settings)["postStart"]
    with (
        heeded_hangups(),
        socket.socket() as port,
        subprocess.Popen([*command], executable="/bin/sh", cwd=tmp_path, stdin=None) as process,
    ):
        port.bind(("127.0.0.1", 0))
        port.listen()
        # Two rotations of a test may be in the same second.
        replaced = {
            "/vault/audit": str(tmp_path / "audit"),
            "/proc/[0-9]*": f"/proc/{process.pid}",
            ":2008 ": f":{port.getsockname()[1]:04X} ",
            "sleep 10": "echo >> rounds; sleep 0.05",
            "/proc/1/fd/1": str(tmp_path / "log"),
            "%Y%m%dT%H%M%SZ": "%Y%m%dT%H%M%S.%NZ",
        }
        if disk := getattr(request, "param", ""):
            replaced[f"df -Pk {tmp_path / 'audit'}"] = disk
        for old, new in replaced.items():
            assert old in text, old
            text = text.replace(old, new)
        until((tmp_path / "ready").exists, "the process runs")
        script = subprocess.Popen([shell, option, text, name], cwd=tmp_path, start_new_session=True)
        try:
            assert script.wait(timeout=10) == 0
            yield Pod(tmp_path, process, port, text)
        finally:
            os.killpg(script.pid, signal.SIGKILL)
            process.kill()


def test_small_file_stays(pod: Pod) -> None:
    pod.log.write_text("1\n")
    pod.after_some_rounds()
    assert (pod.lines("hangups"), pod.rotated, pod.said) == (0, [], "")


def test_no_file_is_nothing_to_rotate(pod: Pod) -> None:
    pod.after_some_rounds()
    assert (pod.lines("hangups"), pod.said) == (0, "")


def test_large_file_is_rotated_and_then_compressed(pod: Pod) -> None:
    pod.has_rotated(1)
    until(lambda: len(pod.rotated) == 1 and pod.rotated[0].endswith("Z.log.gz"), "compressed")
    compressed = pod.log.parent / pod.rotated[0]
    assert gzip.decompress(compressed.read_bytes()) == b"1\n" * SIZE
    assert compressed.stat().st_mode & 0o077 == 0 or pod.log.stat().st_mode & 0o077
    assert pod.log.read_text() == ""
    assert "Vault's audit log goes on in a new file, the old one is" in pod.said


def test_no_more_files_stay_than_are_kept_and_the_oldest_goes(pod: Pod) -> None:
    for number in range(1, KEEP + 3):
        pod.has_rotated(number)
        pod.after_some_rounds()
    assert len(pod.rotated) == KEEP
    kept = [gzip.decompress((pod.log.parent / name).read_bytes())[:1] for name in pod.rotated]
    assert kept == [b"3", b"4"]


def test_file_is_not_compressed_before_vault_has_another(pod: Pod) -> None:
    (pod.folder / "deaf").touch()
    pod.has_rotated(1)
    pod.after_some_rounds()
    assert [name.endswith("Z.log") for name in pod.rotated] == [True]
    assert pod.lines("hangups") == 1
    pod.log.write_text("2\n")
    until(lambda: pod.rotated[0].endswith(".gz"), "compressed")


def test_file_stays_if_there_is_no_vault_to_tell(pod: Pod) -> None:
    pod.process.kill()
    pod.process.wait()
    pod.log.write_text("1\n" * SIZE)
    pod.after_some_rounds()
    assert (pod.rotated, pod.log.exists()) == ([], True)


def test_vault_that_does_not_listen_is_left_alone(pod: Pod) -> None:
    pod.socket.close()
    pod.log.write_text("1\n" * SIZE)
    pod.after_some_rounds()
    assert (pod.lines("hangups"), pod.rotated) == (0, [])


def disk(kilobytes: int, percent: int) -> str:
    """What `df` says of a file system."""
    return f"printf 'Filesystem 1024-blocks\\nnone {kilobytes} 0 0 {percent}%% /vault/audit\\n'"


GIB = 1024**2


@pytest.mark.parametrize("pod", [disk(10 * GIB, 96)], indirect=True)
def test_full_volume_loses_its_oldest_file(pod: Pod) -> None:
    oldest, newer = (pod.log.parent / f"audit-2026010{day}T000000Z.log.gz" for day in (1, 2))
    newer.touch()
    oldest.touch()
    until(lambda: not oldest.exists(), "deleted")
    until(lambda: "The audit volume is full (96%): deleted" in pod.said, "said")
    assert str(oldest) in pod.said.splitlines()[0]


@pytest.mark.parametrize(
    "pod", [disk(10 * GIB, 94), disk(500 * GIB, 99)], ids=["room", "shared"], indirect=True
)
def test_other_volume_keeps_its_files(pod: Pod) -> None:
    file = pod.log.parent / "audit-20260101T000000Z.log.gz"
    file.touch()
    pod.after_some_rounds()
    assert (file.exists(), pod.said) == (True, "")


def test_without_a_file_the_values_are_those_of_before() -> None:
    """Other values would replace the pods of every stack."""
    assert watch_values(parse({**EKS, "tls": {"source": "none"}})) == {}
    tls = {**EKS, "tls": {"source": "own"}}
    assert watch_values(parse(tls)) == reload_values()
    assert watch_values(parse({**tls, "audit": {"devices": ["stdout"]}})) == reload_values()


def test_with_tls_one_loop_does_both() -> None:
    both = {**EKS, "audit": {"devices": ["file", "stdout"]}, "tls": {"source": "own"}}
    text = watch_values(parse(both))["postStart"][2]
    loop = text[text.index("watch() {") : text.index("sleep 10")]
    assert [line.strip() for line in loop.splitlines()[2:4]] == ["reload_certificate", "make_room"]
    assert f"readlink {FOLDER}/..data" in text
    assert (
        "reload_certificate" not in watch_values(parse({**both, "tls": {"source": "none"}}))["postStart"][2]
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"server": watch_values(parse({**EKS, "audit": {"devices": ["file", "stdout"]}}))}, True),
        ({"server": reload_values()}, False),
        ({"server": {}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_release_that_rotates_is_known(values: object, expected: bool) -> None:
    assert rotates(values) is expected

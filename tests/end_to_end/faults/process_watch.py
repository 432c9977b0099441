"""Looks over a run's shoulder: arguments, environment and temporary files of its processes, all the time."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.end_to_end.faults import sessions

ARGUMENTS = "arguments of a process"
ENVIRONMENT = "environment of a process"
ENVIRONMENT_OF_PROGRAM = "environment of the program"
"""Pulumi's own way to give a program its settings, secrets decrypted (PULUMI_CONFIG)."""
_PROGRAM = b"pulumi-language-python-exec"
_PAUSE_SECONDS = 0.02


class ProcessWatch:
    """Keeps everything that it saw, as what is secret in it is known only later. A context manager.

    ``folders`` are looked through with all that is below them; ``more`` is asked in each round.
    """

    def __init__(
        self, session: int, folders: Sequence[Path], more: Mapping[str, Callable[[], bytes]]
    ) -> None:
        self._session = session
        self._folders = folders
        self._more = more
        self._seen: dict[str, set[bytes]] = {}
        self._known: set[tuple[str, int, int]] = set()
        self._done = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._watch)
        self._began = time.monotonic()
        self.rounds = 0
        self.rounds_a_second = 0.0
        """Known when the block has ended."""

    def __enter__(self) -> "ProcessWatch":
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        self._thread.join()
        self.rounds_a_second = self.rounds / (time.monotonic() - self._began)
        if self._failure is not None:
            raise self._failure

    def seen(self) -> Sequence[tuple[str, bytes]]:
        """What was seen, and where."""
        return [(place, content) for place, contents in self._seen.items() for content in contents]

    def _watch(self) -> None:
        try:
            while not self._done.is_set():
                self._look()
                self.rounds += 1
                time.sleep(_PAUSE_SECONDS)
        except BaseException as error:
            self._failure = error

    def _look(self) -> None:
        for pid in sessions.members(self._session):
            arguments, environment = Path(f"/proc/{pid}/cmdline"), Path(f"/proc/{pid}/environ")
            self._keep(ARGUMENTS, arguments)
            content = _content(environment)
            # Looked at afterwards: the process may have become the program meanwhile.
            is_program = _PROGRAM in self._keep(ARGUMENTS, arguments)
            self._seen.setdefault(ENVIRONMENT_OF_PROGRAM if is_program else ENVIRONMENT, set()).add(content)
        for folder in self._folders:
            for path in _walk(folder):
                self._keep_changed(path)
        for place, look in self._more.items():
            self._seen.setdefault(place, set()).add(look())

    def _keep_changed(self, path: Path) -> None:
        try:
            status = path.stat()
        except OSError:
            return
        version = (str(path), status.st_mtime_ns, status.st_size)
        if version not in self._known:
            self._known.add(version)
            self._keep(str(path), path)

    def _keep(self, place: str, path: Path) -> bytes:
        content = _content(path)
        self._seen.setdefault(place, set()).add(content)
        return content


def _content(path: Path) -> bytes:
    """What is in it; nothing if it is gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _walk(folder: Path) -> Sequence[Path]:
    try:
        return [path for path in folder.rglob("*") if path.is_file()]
    except OSError:
        return []

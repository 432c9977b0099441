"""One run of Pulumi in a session of its own, which can be watched, and killed as a whole or in part."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sandbox.stack import SandboxStack
from tests.end_to_end.faults import sessions

RUN_SECONDS = 400


class EngineRun:
    """A run that was started, with the output of ``command`` in a file. As a context manager it leaves no
    process behind."""

    def __init__(
        self,
        stack: SandboxStack,
        command: Sequence[str],
        output: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._output = output
        with output.open("wb") as file:
            self._process = subprocess.Popen(
                command,
                cwd=stack.program,
                env={**stack.environment(), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> "EngineRun":
        return self

    def __exit__(self, *_error: object) -> None:
        sessions.kill(self.session)
        self._process.wait()

    @property
    def session(self) -> int:
        """The session's id, which is the engine's process id."""
        return self._process.pid

    @property
    def said(self) -> str:
        """What a person has seen so far."""
        return self._output.read_text(errors="replace")

    @property
    def goes_on(self) -> bool:
        """Whether the engine still runs."""
        return self._process.poll() is None

    def wait(self, seconds: float = RUN_SECONDS) -> int:
        """Waits for the end; the exit status, negative where a signal ended it."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds:.0f} s:\n{self.said}") from None

    def await_killed(self) -> None:
        """Waits until the engine is killed; fails where it ends otherwise."""
        status = self.wait()
        assert status < 0, f"ended with {status} instead of being killed:\n{self.said}"

    def await_said(self, pattern: str, seconds: float = 120) -> None:
        """Waits until the run says something that the pattern finds."""
        self.await_condition(pattern, lambda: re.search(pattern, self.said) is not None, seconds)

    def await_condition(self, what: str, condition: Callable[[], bool], seconds: float = 120) -> None:
        """Waits until the condition holds; fails where the run ends before."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self._process.poll() is None, f"ended before: {what}\n{self.said}"
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}\n{self.said}"
            time.sleep(0.02)

    def tunnels(self) -> Sequence[int]:
        """Process ids of the run's port-forwards."""
        return [pid for pid in sessions.members(self.session) if "port-forward" in sessions.command_line(pid)]

    def stop(self) -> None:
        """Stops every process of the run, as a machine that sleeps does."""
        sessions.stop(self.session)

    def go_on(self) -> None:
        """Lets every process of the run go on."""
        sessions.go_on(self.session)

    def kill_everything(self) -> None:
        """Ends every process of the run at once."""
        sessions.kill(self.session)

    def kill_engine(self) -> None:
        """Ends the engine alone; its plugins go on for as long as they like."""
        os.kill(self.session, signal.SIGKILL)
        self._process.wait()

"""Runs `python -m components forward` as a terminal has it, and looks for what it may leave."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.running_vault import poll

_BEGUN = "the command has begun"


@dataclass(frozen=True)
class ForwardedCommand:
    """A shell's script behind a tunnel, in a process group of its own."""

    deployment: Deployment
    process: "subprocess.Popen[bytes]"
    output: Path

    @property
    def said(self) -> str:
        """What the command and the program have said."""
        return self.output.read_text()

    def press_ctrl_c(self) -> None:
        """Interrupt everything in the foreground."""
        os.killpg(self.process.pid, signal.SIGINT)

    def tunnels(self) -> Sequence[str]:
        """The processes that forward to the deployment's pods."""
        listed = subprocess.run(
            ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
        ).stdout
        leads_here = re.compile(rf" port-forward .* pod/{self.deployment.name}-\d+ ")
        return [line for line in listed.splitlines() if leads_here.search(line)]


@contextlib.contextmanager
def forwarded(deployment: Deployment, folder: Path, script: str) -> Iterator[ForwardedCommand]:
    """Yield the command once the script runs; kill what is left of it in the end."""
    output = folder / "forwarded.txt"
    command = [sys.executable, "-m", "components", "forward", "--", "/bin/sh", "-c"]
    with (
        output.open("wb") as file,
        subprocess.Popen(
            [*command, f"echo {_BEGUN}; {script}"],
            cwd=deployment.stack.program,
            env={**deployment.stack.environment(), "PULUMI_STACK": deployment.stack.name},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        made = ForwardedCommand(deployment, process, output)
        try:
            poll(f"the command runs: {made.said}", 60, lambda: _BEGUN in made.said)
            yield made
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

"""Short-lived system commands of the cluster."""

import subprocess
from collections.abc import Sequence

from sandbox.errors import SandboxError
from sandbox.processes import SYSTEM_PATH


def run(argv: Sequence[str], *, stdin: str = "") -> str:
    """Run a command to its end and return what it printed.

    Raises SandboxError with the command and its own message when it fails or is not there.
    """
    try:
        completed = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, check=False, env={"PATH": SYSTEM_PATH}
        )
    except OSError as error:
        raise SandboxError(f"{argv[0]} could not be run: {error.strerror}") from error
    if completed.returncode != 0:
        message = completed.stderr.strip() or "(no message)"
        raise SandboxError(f"{' '.join(argv)}: exit status {completed.returncode}: {message}")
    return completed.stdout

"""Runs commands in process groups of their own, without the settings of this program in their environment.

kubectl runs other programs, such as plugins for credentials. They would hold its output open when it has
ended, and they need none of the settings, which Pulumi passes on decrypted (`PULUMI_CONFIG`).
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from components.child_environment import environment_without_settings


def kubectl_environment() -> Mapping[str, str]:
    """Return the environment for kubectl and the programs that it runs.

    A person's preferences for kubectl are off: one such as `delete: interactive: true` makes a deletion
    succeed without deleting anything. Source: kubernetes.io/docs/reference/kubectl/kuberc.
    """
    return {**environment_without_settings(passphrase=False), "KUBERC": "off", "KUBECTL_KUBERC": "false"}


@contextlib.contextmanager
def started(
    command: Sequence[str], *, stdin: int = subprocess.DEVNULL
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command with pipes for its output; kill it with its whole group if it runs after the block."""
    with subprocess.Popen(
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A buffer would swallow the whole line at the first byte, and select would wait for more.
        bufsize=0,
        env=kubectl_environment(),
        process_group=0,
    ) as process:
        try:
            yield process
        finally:
            # The number of a process that was waited for may be another one's.
            if process.returncode is None:
                signal_group(process, signal.SIGKILL)


def signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """Send a signal to the command and what it has started; do nothing if all of it has ended."""
    # macOS refuses it for a group that only has a zombie.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)

"""Runs a command with Vault's active server behind a tunnel: `python -m components forward -- vault status`.

The command gets Vault's address, and what its certificate is verified by, in the variables of Vault's own
clients. It gets no token: log in with a way of your own, or set VAULT_TOKEN for it yourself. The tunnel lives
as long as the command; if the server that it leads to restarts, run the command again.
"""

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType

from components.child_environment import environment_without_settings
from components.commands.selected_stack import selected_stack_public_outputs
from components.errors import DeploymentError, RetryableError
from components.progress import say
from components.vault.client import VaultClient
from components.vault.diagnostics import with_pod_problems
from components.vault.pod_access import PodAccess

NAME = "forward"
SUMMARY = "run a command with VAULT_ADDR leading to the active server, through a tunnel"

OVERRIDING = (
    *("VAULT_ADDR", "VAULT_AGENT_ADDR", "VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY", "VAULT_SRV_LOOKUP"),
    *("VAULT_CACERT", "VAULT_CACERT_BYTES", "VAULT_CAPATH", "VAULT_SKIP_VERIFY", "VAULT_TLS_SERVER_NAME"),
)
"""Variables that lead Vault's clients elsewhere, or have them verify something else.

Source: hashicorp/vault, api/client.go."""
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126
"""Exit codes of a shell for a command that can't be run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command and its arguments."""
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, help="the command and its arguments, behind two dashes"
    )


def run(options: argparse.Namespace) -> None:
    """Run the command and end with its exit code; raise :class:`DeploymentError` if no server is active."""
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise DeploymentError("Give a command: python -m components forward -- vault status")
    outputs = selected_stack_public_outputs()
    access = PodAccess.from_properties(outputs["pod_access"])
    with _active_server(access, int(outputs["replicas"])) as server, _variables(server) as variables:
        code = _run(command, {**_environment(), **variables})
        if code != 0:
            _tell_if_lost(server)
    sys.exit(code)


@contextlib.contextmanager
def _active_server(access: PodAccess, replicas: int) -> Iterator[VaultClient]:
    """Yield the active server, or the only one of a Vault without others; it is verified by then."""
    problems = []
    with contextlib.ExitStack() as tunnel:
        for ordinal in range(replicas):
            try:
                server = tunnel.enter_context(access.reach(ordinal))
                leader = server.leader()
            except RetryableError as error:
                problems.append(f"{access.pod(ordinal)}: {error}")
            else:
                if leader.is_self or not leader.ha_enabled:
                    yield server
                    return
                problems.append(f"{access.pod(ordinal)}: a standby")
            tunnel.close()
    said = "No pod of Vault is active.\n" + "\n".join(problems)
    raise DeploymentError(with_pod_problems(access, said))


@contextlib.contextmanager
def _variables(server: VaultClient) -> Iterator[Mapping[str, str]]:
    """Yield the variables by which Vault's clients reach and verify the server."""
    if server.identity is None:
        yield {"VAULT_ADDR": server.address, **({"VAULT_CACERT": server.ca_file} if server.ca_file else {})}
        return
    # Not VAULT_CACERT_BYTES, which Terraform's provider doesn't know.
    with tempfile.NamedTemporaryFile("w", prefix="vault-authority-", suffix=".pem") as file:
        file.write(server.identity.authority)
        file.flush()
        yield {
            "VAULT_ADDR": server.address,
            "VAULT_CACERT": file.name,
            "VAULT_TLS_SERVER_NAME": server.identity.name,
        }


def _tell_if_lost(server: VaultClient) -> None:
    """Say if the server has gone since the command began, by which the command may have failed."""
    try:
        server.leader()
    except DeploymentError as error:
        say(
            f"The server that the tunnel led to no longer serves, as after a restart of its pod: {error}\n"
            "Run the command again: it is then led to the server that is active now."
        )


def _environment() -> Mapping[str, str]:
    """Return this command's environment, without settings of a stack and without another Vault's address."""
    inherited = environment_without_settings(passphrase=True)
    return {name: value for name, value in inherited.items() if name not in OVERRIDING}


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the command to its end, and return its exit code, which is 128 and more if a signal ended it."""
    with _signals_left_to_command() as signals:
        try:
            process = subprocess.Popen(command, env=environment)
        except OSError as error:
            say(f"{command[0]} can't be run: {error.strerror}")
            return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
        signals.hand_on_to(process)
        code = process.wait()
    return code if code >= 0 else 128 - code


class _Signals:
    """Signals to this process that are meant for the command, as the tunnel lasts until it has ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def take(self, number: int, _frame: FrameType | None) -> None:
        """Hand a signal on, or keep it until there is a command to get it."""
        if self._process is None:
            self._early.append(number)
        # A terminal sends those to the command as well.
        elif number not in (signal.SIGINT, signal.SIGQUIT):
            self._process.send_signal(number)

    def hand_on_to(self, process: "subprocess.Popen[bytes]") -> None:
        """Give the command what has come, and from now on all that comes."""
        self._process = process
        for number in self._early:
            process.send_signal(number)


@contextlib.contextmanager
def _signals_left_to_command() -> Iterator[_Signals]:
    """Yield what takes the signals within the block."""
    signals = _Signals()
    numbers = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signals.take) for number in numbers}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

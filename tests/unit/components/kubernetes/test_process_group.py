"""What a command gets of this process, and what becomes of the programs that it starts."""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from components.kubernetes.process_group import kubectl_environment, signal_group, started
from tests.unit.fakes.processes import ended, ends

PRINT_ENVIRONMENT = "import json, os, sys; json.dump([dict(os.environ), sys.stdin.read()], sys.stdout)"
SETTINGS = {
    "PULUMI_CONFIG": '{"vault-autounseal:adoptedKeys": "hvs.adopted"}',
    "PULUMI_CONFIG_SECRET_KEYS": '["vault-autounseal:adoptedKeys"]',
    "PULUMI_CONFIG_PASSPHRASE": "secret",
    "PULUMI_CONFIG_PASSPHRASE_FILE": "/secret",
}


def test_command_gets_no_settings_no_preferences_and_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SETTINGS, "KUBERC": "/home/kuberc", "AWS_PROFILE": "mine"}.items():
        monkeypatch.setenv(name, value)
    with typed("yes"), started([sys.executable, "-c", PRINT_ENVIRONMENT]) as process:
        output, _ = process.communicate(timeout=30)
    given, read = json.loads(output)
    assert not given.keys() & SETTINGS.keys()
    assert "hvs.adopted" not in str(given)
    assert (given["KUBERC"], given["KUBECTL_KUBERC"], given["AWS_PROFILE"]) == ("off", "false", "mine")
    assert read == ""
    assert given == kubectl_environment()


@contextlib.contextmanager
def typed(text: str) -> Iterator[None]:
    """Let this process have the text on its standard input."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    own = os.dup(0)
    os.dup2(reading, 0)
    try:
        yield
    finally:
        os.dup2(own, 0)
        os.close(own)
        os.close(reading)


def test_programs_of_a_command_end_with_the_block() -> None:
    script = "/bin/sleep 60 & echo $!; wait"
    with started(["/bin/sh", "-c", script]) as process:
        assert process.stdout is not None
        sleeper = int(process.stdout.readline())
        assert not ended(sleeper)
    assert ends(sleeper)
    assert process.returncode == -signal.SIGKILL


def test_group_that_is_gone_is_no_error() -> None:
    with started(["/bin/true"]) as process:
        process.communicate(timeout=30)
    signal_group(process, signal.SIGTERM)


def test_command_has_a_group_of_its_own_in_the_session_of_the_run() -> None:
    with started(["/bin/sleep", "60"]) as process:
        assert os.getpgid(process.pid) == process.pid
        # By its session a run is ended as a whole.
        assert os.getsid(process.pid) == os.getsid(0)

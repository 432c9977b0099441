"""A process started with interrupts ignored passes that on, until it allows them."""

import signal
import subprocess
import sys

IGNORED = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
CHILD = (
    "import subprocess, sys; "
    "print(subprocess.run([sys.executable, '-c', 'import signal; print(signal.getsignal(signal.SIGINT))'], "
    "capture_output=True, text=True).stdout)"
)


def handler_in_a_child(before: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", before + CHILD], capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


def test_ignored_interrupts_are_inherited() -> None:
    assert handler_in_a_child(IGNORED) == str(signal.SIG_IGN)


def test_allowed_interrupts_reach_a_child() -> None:
    allow = "from sandbox.interrupts import allow_interrupts; allow_interrupts(); "
    assert "default_int_handler" in handler_in_a_child(IGNORED + allow)

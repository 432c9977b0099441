"""Say after a run which command repeats each failed test alone."""

import pytest

from tests.pytest_plugins.layer import repeat_command


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each test that failed, in its call or in a fixture."""
    failed = [
        report.nodeid
        for outcome in ("failed", "error")
        for report in terminalreporter.getreports(outcome)
        if isinstance(report, pytest.TestReport)
    ]
    if failed:
        terminalreporter.section("repeat alone", yellow=True)
    for nodeid in dict.fromkeys(failed):
        terminalreporter.line(repeat_command(nodeid))

"""Fail a run in which a test was skipped, unless the skip is named on the command line.

A comparison that is left out because its data isn't there looks like one that holds. ``--allow-skip=TEXT``
(repeatable) names the skips whose reason or test id contains the text.
"""

from collections import Counter
from collections.abc import Sequence

import pytest

OPTION = "--allow-skip"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--allow-skip``."""
    parser.addoption(
        OPTION,
        action="append",
        default=[],
        metavar="TEXT",
        help="let the run pass although tests were skipped whose reason or id contains this text",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Watch the run's reports; in the process that controls the run, which gets those of all its workers."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_UnnamedSkips(config.getoption(OPTION)), "unnamed-skips")


class _UnnamedSkips:
    """Collect the reasons of the skips that were not named, and fail the run if there are any."""

    def __init__(self, named: Sequence[str]) -> None:
        self.named = named
        self.reasons: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not hasattr(report, "wasxfail"):
            self._look_at(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._look_at(report)

    def _look_at(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped:
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(text in reason or text in report.nodeid for text in self.named):
            self.reasons[reason.removeprefix("Skipped: ")] += 1

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.reasons and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.reasons:
            return
        terminalreporter.section("skipped, and not named on the command line", red=True)
        for reason, count in self.reasons.items():
            terminalreporter.line(f"{count} x {reason}")
        terminalreporter.line(
            f"The run fails: supply what is missing, or name a skip with {OPTION}=TEXT (a part of its reason "
            f"or test id); for make: PYTEST_ADDOPTS={OPTION}=TEXT make test"
        )

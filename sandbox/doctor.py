"""Says what this machine lacks for the sandbox, and what of it is there, without changing anything."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.build.tools import find_tools
from sandbox.cluster import kubernetes_version
from sandbox.cluster.requirements import check_requirements
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.processes import recorded_names, running


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    fine: bool
    detail: str
    """What was found, or what to do."""


def examine(layout: Layout) -> Sequence[Finding]:
    """Everything that `make up` would stumble over, in the order in which it would."""
    findings = [
        Finding(
            "system", sys.platform == "linux" and Path("/etc/debian_version").exists(), "Debian is needed"
        ),
        Finding("root", os.geteuid() == 0, "run as root, or with sudo"),
        _attempt(
            "tools",
            lambda: find_tools(layout, kubernetes_version(layout)),
            "all there",
            "make up builds them",
        ),
    ]
    processes = recorded_names(layout)
    if processes:
        findings += [
            Finding(
                f"process {name}",
                running(layout, name),
                "runs"
                if running(layout, name)
                else f"ended; see {layout.logs / name}.log, then make down and make up",
            )
            for name in sorted(processes)
        ]
    else:
        findings.append(_attempt("machine", lambda: check_requirements(layout), "can run the node", "fix it"))
    return findings


def report(findings: Sequence[Finding]) -> str:
    """One line a finding."""
    return "\n".join(
        f"{'ok     ' if finding.fine else 'missing'}  {finding.subject}"
        + ("" if finding.fine and finding.detail.endswith("needed") else f": {finding.detail}")
        for finding in findings
    )


def _attempt(subject: str, check: Callable[[], object], fine: str, fix: str) -> Finding:
    try:
        check()
    except SandboxError as error:
        return Finding(subject, False, f"{error} ({fix})")
    return Finding(subject, True, fine)

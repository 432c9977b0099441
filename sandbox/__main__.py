"""`python -m sandbox up|down|status|doctor|tools`: the program on real parts, on one machine."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.build.versions import Versions, chosen_versions
from sandbox.doctor import examine, report
from sandbox.errors import SandboxError
from sandbox.interrupts import allow_interrupts
from sandbox.layout import Layout
from sandbox.lifecycle import (
    Cloud,
    Environment,
    Sources,
    bring_up,
    deployed_stack,
    obtain_requirements,
    tear_down,
)
from sandbox.progress import Progress
from sandbox.status import show_status, write_environment


def main(arguments: Sequence[str]) -> int:
    """Run one command; an error that a person can fix is one message and exit status 1."""
    options = _parser().parse_args(arguments)
    allow_interrupts()
    layout = Layout()
    try:
        match options.command:
            case "up":
                sources = Sources(chart=options.chart, download=not options.stand_ins)
                versions = chosen_versions(options.vault, options.kubernetes)
                _up(layout, sources, options.cloud, versions, tls=options.tls)
            case "tools":
                kubernetes = chosen_versions(None, options.kubernetes).kubernetes
                obtain_requirements(Progress(sys.stdout), layout, kubernetes)
            case "down":
                tear_down(layout)
                print("The sandbox is stopped and wiped; tools and images are kept for the next make up.")
            case "status":
                print(show_status(deployed_stack(layout)))
            case "doctor":
                findings = examine(layout)
                print(report(findings))
                return 0 if all(finding.fine for finding in findings) else 1
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


def _up(layout: Layout, sources: Sources, cloud: Cloud, versions: Versions, *, tls: str | None) -> None:
    progress = Progress(sys.stdout)
    environment = bring_up(layout, progress, sources, cloud, versions)
    if tls is not None:
        environment.stack.configure({**environment.settings, "tls": {"source": tls}})
    progress.note(f"Vault {versions.vault}, Kubernetes {versions.kubernetes}")
    for line in _sources_used(environment):
        progress.note(line)
    write_environment(environment.stack)
    environment.stack.select()
    environment.stack.pulumi("up", "--yes", "--skip-preview")
    print(show_status(environment.stack))


def _sources_used(environment: Environment) -> Sequence[str]:
    chart = "the official one" if environment.chart is None else str(environment.chart)
    return [
        f"Chart: {chart}",
        *(
            f"Provider plugin {plugin.name} {plugin.version}: {plugin.kind} ({plugin.reason})"
            for plugin in environment.plugins
        ),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and deploy the program")
    up.add_argument("--chart", type=Path, help="a chart to install unchanged (folder or archive)")
    up.add_argument(
        "--cloud", choices=("aws", "gcp"), default="aws", help="whose cloud it is (default: %(default)s)"
    )
    up.add_argument(
        "--stand-ins",
        action="store_true",
        help="don't ask outside for the official chart and the real provider plugins",
    )
    up.add_argument(
        "--tls", choices=("own", "none"), help="whether Vault speaks TLS (default: the program's)"
    )
    up.add_argument("--vault", help="its version, with the chart that goes with it (default: the newest)")
    up.add_argument("--kubernetes", help="its version (default: the newest)")
    tools = commands.add_parser("tools", help="install Debian packages and build the tools, nothing else")
    tools.add_argument("--kubernetes", help="the version that is built (default: the newest)")
    commands.add_parser("down", help="stop and wipe everything")
    commands.add_parser("status", help="peers, seal state, and what to type next")
    commands.add_parser("doctor", help="what this machine lacks, and what runs")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

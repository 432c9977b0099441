"""Runs the commands beside `pulumi up`, for the selected stack: `python -m components <command>`."""

import argparse
import sys
from collections.abc import Sequence

from components.commands import (
    aws_policy,
    forward,
    generate_root,
    google_role,
    import_state,
    migrate_seal,
    recover_quorum,
    restore,
    resume,
    snapshot,
    status,
    unseal,
)
from components.errors import DeploymentError
from components.operating_system import require_supported_system
from components.progress import say

COMMANDS = (
    unseal,
    generate_root,
    snapshot,
    restore,
    recover_quorum,
    migrate_seal,
    status,
    resume,
    import_state,
    forward,
    aws_policy,
    google_role,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 unless it has others, and 1 after a message on what to fix."""
    parser = argparse.ArgumentParser(prog="python -m components", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        subparser = commands.add_parser(command.NAME, help=command.SUMMARY, description=command.__doc__)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    options = parser.parse_args(arguments)
    try:
        require_supported_system()
        code: int | None = options.run(options)
    except DeploymentError as error:
        say(str(error))
        return 1
    return code or 0


if __name__ == "__main__":
    sys.exit(main())

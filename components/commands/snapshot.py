"""Takes a snapshot of the selected stack's Vault to a file, and writes beside it what a restore has to know.

The snapshot has everything that is in Vault, encrypted; it can't be read without the key of the seal.
"""

import argparse
from pathlib import Path

from components.commands.selected_stack import selected_stack_outputs
from components.commands.snapshot_vault import add_token_option, snapshot_vault
from components.snapshots.take import take_snapshot

NAME = "snapshot"
SUMMARY = "take a snapshot of Vault to a file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file, and the option to ask for a token."""
    parser.add_argument("file", type=Path, help="a new file, such as vault-2026-03-01.snap")
    add_token_option(parser)


def run(options: argparse.Namespace) -> None:
    """Write the snapshot and its record; raise :class:`DeploymentError` if Vault gives none that is whole."""
    take_snapshot(snapshot_vault(selected_stack_outputs(), options), options.file)

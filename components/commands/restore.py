"""Restores a snapshot into the Vault of the selected stack, which then has what the snapshot has.

A Vault that serves is saved to a file before, and a blank one, as after the loss of all volumes, is
initialised for it. The keys of the snapshot's time go back to where this stack keeps them. If it is stopped
at any point, run it again.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from components.commands.selected_stack import consented_stack_name, selected_stack_outputs
from components.commands.snapshot_vault import (
    add_token_option,
    journal_key,
    snapshot_vault,
)
from components.progress import say
from components.snapshots.preparation import START_SECONDS, RestoreInputs, prepared
from components.snapshots.record import SnapshotRecord, read_record
from components.snapshots.restore import restore
from components.snapshots.vault import SnapshotVault

NAME = "restore"
SUMMARY = "replace what is in Vault by a snapshot"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file, and the consent: the name of the stack."""
    parser.add_argument("file", type=Path, help="the snapshot; its record is expected beside it (FILE.json)")
    parser.add_argument(
        "--really", metavar="STACK", default="", help="name of the stack whose Vault is to be replaced"
    )
    parser.add_argument(
        "--without-record",
        action="store_true",
        help="the snapshot has no record; it is of this very Vault, and its shares haven't changed since",
    )
    parser.add_argument(
        "--without-keys",
        action="store_true",
        help="restore although this stack doesn't have the shares of the snapshot's time any more",
    )
    add_token_option(parser)


def run(options: argparse.Namespace) -> None:
    """Restore it, or without `--really` say what would be; raise :class:`DeploymentError` with what to do."""
    stack = consented_stack_name(options.really)
    outputs = selected_stack_outputs()
    vault = snapshot_vault(outputs, options)
    record = None if options.without_record else read_record(options.file)
    inputs = RestoreInputs(
        vault=vault,
        snapshot=options.file,
        record=record,
        without_keys=options.without_keys,
        journal_key="",
        start_seconds=START_SECONDS,
    )
    known = prepared(inputs)
    say(_described(options.file, record, known.archive.raft_index))
    say(_place(stack, vault, str(outputs.get("cluster_id") or "")))
    if not options.really:
        say(f"Nothing was changed. To replace everything in that Vault, run it again with --really {stack}")
        return
    restore(replace(inputs, journal_key=journal_key()), known)


def _described(file: Path, record: SnapshotRecord | None, raft_index: int) -> str:
    if record is None:
        return f"What: {file}, raft index {raft_index}; without a record"
    return (
        f"What: {file}, taken {record.taken} of cluster {record.cluster_id} ({record.deployment}), Vault "
        f"{record.vault_version}, raft index {raft_index}, seal {record.seal_type} {record.seal_key}".rstrip()
    )


def _place(stack: str, vault: SnapshotVault, cluster_id: str) -> str:
    target = vault.access.target
    return (
        f"Where: stack {stack}, namespace {target.namespace}, pods {vault.access.pod(0)} to "
        f"{vault.access.pod(vault.replicas - 1)}, context {target.context or 'of its kubeconfig'}, cluster "
        f"{cluster_id or 'unknown'} at the last update"
    )

"""Reads the Vault of the selected stack as snapshots need it."""

import getpass
import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any

from components.commands.selected_stack import ask_pulumi, keys_of, token_of_settings
from components.custody.key_custody import KeyCustody
from components.errors import DeploymentError
from components.resource_types import DYNAMIC
from components.seals.seal import seal_class
from components.snapshots.vault import SnapshotVault
from components.vault.pod_access import PodAccess

JOURNAL_KEY = f"{DYNAMIC}/vault:JournalKey"
# sdk/go/common/resource/sig.go: marks a secret in an exported state.
_SIGNATURE = "4dabf18193072939515e22adb298388d"


def add_token_option(parser: ArgumentParser) -> None:
    """Add the option to ask for a token."""
    parser.add_argument(
        "--with-token",
        action="store_true",
        help="first ask for a token, at a prompt or as the first line of standard input; without the option "
        "the stack's root token and its setting token are tried",
    )


def snapshot_vault(outputs: Mapping[str, Any], options: Namespace) -> SnapshotVault:
    """Return the Vault of the stack with these outputs, and the tokens to try.

    Raises :class:`DeploymentError` if it has no raft storage, if its seal is being migrated, or if no token
    was given though it was asked for.
    """
    if outputs.get("mode") == "standalone":
        raise DeploymentError(
            "This Vault is in mode standalone, without raft, and only raft has snapshots: copy its volume "
            "instead."
        )
    if outputs.get("migrate_from"):
        raise DeploymentError(
            "The seal of this stack's Vault is being migrated, and a snapshot belongs to one seal: complete "
            "the migration first (docs/seal-migration.md)."
        )
    access = PodAccess.from_properties(outputs["pod_access"])
    seal_type = str(outputs.get("seal_type") or "")
    keys = keys_of(outputs)
    custody = outputs["custody"] if outputs["custody"]["store"] != "state" else {}
    return SnapshotVault(
        access=access,
        replicas=int(outputs["replicas"]),
        seal_type=seal_type,
        seal_key=_seal_key(outputs, seal_type),
        deployment=str(outputs["deployment"]),
        custody=KeyCustody.from_properties(custody, access.target, str(outputs["deployment"])),
        keys=keys,
        keys_version=_version_of(keys.fingerprint if keys is not None else "", outputs),
        tokens=_tokens(options, keys.plain_root_token if keys is not None else "", outputs),
    )


def journal_key() -> str:
    """Return the key in the state of the selected stack, base64; empty if an earlier version deployed it.

    Raises :class:`DeploymentError` with pulumi's error message.
    """
    deployment = json.loads(ask_pulumi("stack", "export", "--show-secrets"))["deployment"] or {}
    for resource in deployment.get("resources", ()):
        if resource["type"] == JOURNAL_KEY:
            key = resource.get("outputs", {}).get("key", "")
            return str(json.loads(key["plaintext"])) if _SIGNATURE in key else str(key)
    return ""


def _seal_key(outputs: Mapping[str, Any], seal_type: str) -> str:
    """Return the seal's key by its name; a stack of an earlier version has it as an output of its seal."""
    key = str(outputs.get("seal_key") or outputs.get("key_arn") or outputs.get("key_id") or "")
    if not key and (not seal_type or seal_class(seal_type).unseals_itself):
        raise DeploymentError(
            "The stack that is selected was deployed by an earlier version of this program, which doesn't "
            "tell the seal's key: run pulumi up first."
        )
    return key


def _version_of(fingerprint: str, outputs: Mapping[str, Any]) -> str:
    """Return the version of the shares in their store if the state's is of the same shares."""
    same = fingerprint and outputs.get("keys_fingerprint") == fingerprint
    return str(outputs.get("keys_version") or "") if same else ""


def _tokens(options: Namespace, root_token: str, outputs: Mapping[str, Any]) -> tuple[str, ...]:
    if not options.with_token:
        return (root_token, token_of_settings(outputs))
    asked = getpass.getpass("Token (not shown): ") if sys.stdin.isatty() else sys.stdin.readline()
    if not asked.strip():
        raise DeploymentError("No token was given. Nothing was done.")
    return (asked.strip(),)

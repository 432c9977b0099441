"""Unseals the pods of the selected stack with its key shares."""

import argparse

from components.commands.selected_stack import keys_of, selected_stack_outputs
from components.errors import DeploymentError
from components.shares.unseal import unseal_pods
from components.vault.pod_access import PodAccess

NAME = "unseal"
SUMMARY = "unseal every pod with the key shares of seal shamir"
_SECONDS = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments: the stack has the shares."""


def run(_options: argparse.Namespace) -> None:
    """Unseal every pod; raise :class:`DeploymentError` if the stack has no key shares, or wrong ones."""
    outputs = selected_stack_outputs()
    if outputs.get("migrate_from"):
        raise DeploymentError(
            "The seal of this stack's Vault is being migrated: run python -m components migrate-seal instead."
        )
    record = keys_of(outputs)
    if record is None or not record.key_shares:
        raise DeploymentError(
            "This stack has no key shares: an auto-unseal seal needs none, and those of an adopted Vault "
            "aren't here."
        )
    unseal_pods(
        PodAccess.from_properties(outputs["pod_access"]),
        replicas=int(outputs["replicas"]),
        key_shares=record.key_shares,
        threshold=record.threshold,
        seconds=_SECONDS,
    )

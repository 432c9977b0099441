"""Migrates the Vault of the selected stack from one seal to another.

It comes after a `pulumi up` with `seal` and `migrateFrom`, which has put both seals into Vault's
configuration. If it is stopped at any point, run it again to resume. `docs/seal-migration.md` describes
Vault's behaviour.
"""

import argparse
from collections.abc import Mapping
from typing import Any

from components.commands.selected_stack import keys_of, selected_stack_outputs, token_of_settings
from components.custody.key_record import KeyRecord
from components.errors import DeploymentError
from components.progress import say
from components.seal_migration.steps import DOCUMENT, MigrationInputs, SealMigration
from components.seals.seal import seal_class
from components.vault.pod_access import PodAccess
from components.vault.running_configuration import CONFIGURATION_KEY, configuration_map

NAME = "migrate-seal"
SUMMARY = "migrate Vault to the seal of the settings, pod by pod"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments: the settings name both seals."""


def run(_options: argparse.Namespace) -> None:
    """Migrate the seal; raise :class:`DeploymentError` if a step fails, after which it can be run again."""
    inputs = _inputs(selected_stack_outputs())
    require_configuration(inputs)
    SealMigration(inputs).run()
    say(
        f"Every pod has seal {inputs.seal_type} and is unsealed; the same shares are "
        f"{'recovery' if seal_class(inputs.seal_type).unseals_itself else 'key'} shares from now on. Remove "
        "migrateFrom from the settings and run pulumi up: it records that, and releases the old seal."
    )


def require_configuration(inputs: MigrationInputs) -> None:
    """Raise :class:`DeploymentError` if a restarted pod wouldn't get both seals."""
    name = configuration_map(inputs.access.statefulset)
    found = inputs.access.kubectl.get("configmap", name)
    text = str((found or {}).get("data", {}).get(CONFIGURATION_KEY, ""))
    stanzas = {seal_type: _stanza(text, seal_type) for seal_type in (inputs.leaving, inputs.seal_type)}
    # Shamir's seal has no stanza.
    wanted = {
        inputs.leaving: not seal_class(inputs.leaving).unseals_itself
        or 'disabled = "true"' in stanzas[inputs.leaving],
        inputs.seal_type: not seal_class(inputs.seal_type).unseals_itself
        or ("{" in stanzas[inputs.seal_type] and "disabled" not in stanzas[inputs.seal_type]),
    }
    missing = [seal_type for seal_type, there in wanted.items() if not there]
    if missing or not text:
        raise DeploymentError(
            f"Vault's configuration (ConfigMap {name}) doesn't have what the migration needs of seal "
            f"{' and '.join(missing) or inputs.seal_type}. Nothing was restarted. Run pulumi up with seal "
            f"{inputs.seal_type} and migrateFrom {inputs.leaving} first."
        )


def _stanza(configuration: str, seal_type: str) -> str:
    """Return a seal's stanza, up to the brace at the beginning of a line; empty if there is none."""
    _, begin, rest = configuration.partition(f'seal "{seal_type}" {{')
    return begin + rest.partition("\n}")[0]


def _inputs(outputs: Mapping[str, Any]) -> MigrationInputs:
    leaving, seal_type = str(outputs.get("migrate_from") or ""), str(outputs.get("seal_type") or "")
    if not leaving:
        raise DeploymentError(
            "The stack that is selected has no seal to be migrated from: set seal and migrateFrom, and run "
            f"pulumi up before this command. {DOCUMENT} describes how."
        )
    access = PodAccess.from_properties(outputs["pod_access"])
    replicas = int(outputs["replicas"])
    record = keys_of(outputs)
    if record is None or record.shares_encrypted:
        raise DeploymentError(_by_hand(access, replicas, record))
    return MigrationInputs(
        access=access,
        replicas=replicas,
        leaving=leaving,
        seal_type=seal_type,
        shares=record.shares,
        threshold=record.threshold,
        token=record.plain_root_token or token_of_settings(outputs),
    )


def _by_hand(access: PodAccess, replicas: int, record: KeyRecord | None) -> str:
    where = "aren't known to this stack" if record is None else "are encrypted to their holders"
    pods = ", ".join(access.pod(ordinal) for ordinal in range(replicas))
    return (
        f"The shares {where}, so this command can't unseal with them. By hand, for each of {pods}, one by "
        "one and the one that leads (vault operator raft list-peers) last: kubectl delete pod POD, then as "
        "many holders as are needed: kubectl exec -it POD -- vault operator unseal -migrate. Go on with the "
        "next one when it is unsealed. Before the last one: vault operator step-down. "
        f"{DOCUMENT} has it step by step."
    )

"""Goes on with the pods that still have Vault's data, if the volumes of most of them are lost.

Raft serves nothing without a majority of its members. This makes the survivors its only members; the other
pods, whose volumes are blank, then join as new ones. What only the lost ones had is lost. If it is stopped at
any point, run it again.
"""

import argparse

from components.commands.selected_stack import (
    consented_stack_name,
    keys_of,
    selected_stack_outputs,
    token_of_settings,
)
from components.errors import DeploymentError
from components.progress import Waiting, say
from components.raft_recovery.servers import LostQuorum, MajorityLeftError, leader_of, lost_quorum
from components.raft_recovery.steps import DOCUMENT, RecoveryInputs, await_voters, forget_peers, recover
from components.vault.pod_access import PodAccess

NAME = "recover-quorum"
SUMMARY = "go on with the pods that still have data, if a majority lost its volumes"
_ELECTION_SECONDS = 30.0
"""How long raft gets, if most servers have their data; it elects a leader in 2 to 10 s (decision 1)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the consent: the name of the stack."""
    parser.add_argument(
        "--really", metavar="STACK", default="", help="name of the stack whose lost servers are given up"
    )


def run(options: argparse.Namespace) -> None:
    """Recover it, or without `--really` say what would be lost; raise :class:`DeploymentError`."""
    stack = consented_stack_name(options.really)
    outputs = selected_stack_outputs()
    if outputs.get("mode") == "standalone":
        raise DeploymentError("This Vault is in mode standalone, without raft: there is no majority to lose.")
    keys = keys_of(outputs)
    inputs = RecoveryInputs(
        access=PodAccess.from_properties(outputs["pod_access"]),
        replicas=int(outputs["replicas"]),
        keys=keys,
        tokens=(keys.plain_root_token if keys is not None else "", token_of_settings(outputs)),
    )
    found = _leader_or_loss(inputs)
    if isinstance(found, str):
        say(f"{found} leads, so there is nothing to recover; waiting until every pod has joined")
        forget_peers(inputs)
    else:
        survivors = ", ".join(survivor.described for survivor in found.survivors)
        say(f"What is left: {survivors}")
        say(
            f"What gets lost: whatever {', '.join(found.lost)} had and these hadn't yet, which may be the "
            f"last writes that Vault has acknowledged ({DOCUMENT})"
        )
        if not options.really:
            say(f"Nothing was changed. To go on with these, run it again with --really {stack}")
            return
        recover(inputs, found)
    await_voters(inputs)
    say(f"All {inputs.replicas} pods serve. Run pulumi up, which verifies them, and take a snapshot.")


def _leader_or_loss(inputs: RecoveryInputs) -> str | LostQuorum:
    """Return the pod that leads, maybe only after an election, or who is left without one.

    New volumes fill within seconds if the old leader or most of its followers still ran as they came.
    """

    def attempt() -> str | LostQuorum:
        leader = leader_of(inputs.access, inputs.replicas)
        return leader if leader is not None else lost_quorum(inputs.access, inputs.replicas)

    waiting = Waiting("Waiting for an election", _ELECTION_SECONDS)
    return waiting.until(attempt, MajorityLeftError, state=lambda _: "most pods have their data")

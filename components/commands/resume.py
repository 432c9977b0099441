"""Settles what an interrupted run has left unfinished, so that the next `pulumi up` goes on.

Pulumi's state names each resource that a killed run was creating, but not whether it did. This command looks
for each in the cloud and in the cluster, and runs `pulumi import` for what exists; with `pulumi refresh` the
state forgets that something is unfinished. If Helm was killed, its record of the unfinished revision is
deleted, and nothing of what it installed: the next update installs or upgrades the same objects.

Helm's record looks the same if Helm is at work. Pulumi's lock tells: it is taken between reading the record
and deleting just that version of it, so the run that wrote it has ended.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from components.commands.import_state import (
    AWS_PROVIDER,
    ImportFile,
    ImportSpec,
    aws_credentials,
    aws_region,
    finder,
    kubernetes_target,
)
from components.errors import DeploymentError
from components.kubernetes.helm_storage import INSTALLING, UnfinishedRecord, unfinished_record
from components.kubernetes.kubectl import require_command
from components.planned_resource import Plan, PlannedResource
from components.progress import say
from components.resource_types import DYNAMIC, KMS_KEY, KUBERNETES_IDENTITY, RELEASE
from components.stack_state import unfinished_creations

NAME = "resume"
SUMMARY = "settle what an interrupted run has left unfinished"

_STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Interrupted:
    """The creations that no run has finished, as the state has them."""

    creations: Sequence[PlannedResource]
    """Resources that may exist; those of the program alone, whose creation can be repeated, are left out."""
    plan: Plan
    """These, and the resources that the stack has."""
    recorded: Mapping[str, str]
    """Ids that the stack has, by URN."""
    providers: Mapping[str, str]
    """URNs of the creations' explicit providers, by their own."""
    stack: str
    """URN of the stack itself; empty if nothing was ever deployed."""
    since: datetime | None
    """Creation of the stack, before which no run of it was interrupted; None if the state doesn't say."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the consent: names alone don't show that what exists is this stack's."""
    parser.add_argument("--yes", action="store_true", help="take over and settle what is found")


def run(options: argparse.Namespace) -> None:
    """Settle it, or without `--yes` say what would be settled.

    Raises :class:`DeploymentError` if something can't be looked for, or Pulumi fails.
    """
    require_command("pulumi", "it has the stack's state; see pulumi.com/docs/install")
    interrupted = interrupted_in(json.loads(_pulumi("stack", "export"))["deployment"])
    unfinished = dict(_unfinished_records(interrupted.plan))
    for one in unfinished.values():
        say(f"Helm hasn't finished revision {one.record.revision} ({one.record.status})")
    # After its only record is deleted there is no release to import.
    installing = {urn for urn, one in unfinished.items() if one.record.status == INSTALLING}
    found = {urn: one for urn, one in _found(interrupted).items() if urn not in installing}
    for resource in interrupted.creations:
        identifier = found.get(resource.urn)
        say(
            f"{resource.urn} exists: {identifier}"
            if identifier is not None
            else f"{resource.urn} isn't to be taken over"
        )
    if not options.yes:
        say(
            "Nothing was changed. If all that exists was created by an interrupted run of this stack, and no "
            "run is at work now, take it into the state and delete Helm's records of what isn't finished: "
            "run this again with --yes."
        )
        return
    if unfinished:
        _take_the_lock(interrupted)
    for one in unfinished.values():
        one.delete()
    if found:
        _import(import_file(interrupted, found))
    _pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    say("Nothing is unfinished any more: run pulumi up.")


def interrupted_in(deployment: Mapping[str, Any]) -> Interrupted:
    """Return what an exported state says of the runs that were interrupted."""
    resources: Sequence[Mapping[str, Any]] = deployment.get("resources", ())
    unfinished: Mapping[str, Mapping[str, Any]] = {
        resource["urn"]: resource for resource in unfinished_creations(deployment)
    }
    creations = {urn: _planned(resource) for urn, resource in unfinished.items()}
    recorded = [_planned(resource) for resource in resources if resource["urn"] not in creations]
    stack = next((resource for resource in resources if resource["type"] == _STACK), {})
    return Interrupted(
        creations=[one for one in creations.values() if not one.type.startswith(DYNAMIC)],
        plan=Plan([*recorded, *creations.values()]),
        recorded={resource["urn"]: str(resource["id"]) for resource in resources if resource.get("id")},
        providers={
            urn: str(resource["provider"]).rpartition("::")[0]
            for urn, resource in unfinished.items()
            if resource.get("provider")
        },
        stack=str(stack.get("urn", "")),
        since=datetime.fromisoformat(stack["created"]) if stack.get("created") else None,
    )


def _planned(resource: Mapping[str, Any]) -> PlannedResource:
    return PlannedResource(
        urn=str(resource["urn"]),
        type=str(resource["type"]),
        parent=str(resource.get("parent", "")),
        inputs=resource.get("inputs", {}),
    )


def _unfinished_records(plan: Plan) -> Iterator[tuple[str, UnfinishedRecord]]:
    """Yield the URNs of releases whose last revision Helm hasn't finished, and its record of that."""
    for release in (resource for resource in plan.resources if resource.type == RELEASE):
        target = kubernetes_target(plan)
        if target is None:
            raise DeploymentError(f"The state has no {KUBERNETES_IDENTITY}, which names the cluster.")
        record = unfinished_record(target, release.text("name"))
        if record is not None:
            yield release.urn, record


def _take_the_lock(interrupted: Interrupted) -> None:
    """Have Pulumi lock the stack for a moment; raise :class:`DeploymentError` if a run of it is at work."""
    # A refresh of the stack itself reads and changes nothing.
    _pulumi("refresh", "--yes", "--skip-preview", f"--target={interrupted.stack}")


def _found(interrupted: Interrupted) -> Mapping[str, str]:
    """Return the ids by URN of what exists and isn't the stack's yet."""
    find, recorded = finder(interrupted.plan), set(interrupted.recorded.values())
    found: dict[str, str] = {}
    for resource in interrupted.creations:
        if resource.type == KMS_KEY:
            identifier = _key(interrupted, resource)
        elif resource.urn in interrupted.recorded:
            continue
        else:
            identifier = find(resource)
        if identifier is not None and identifier not in recorded:
            found[resource.urn] = identifier
    return found


def _key(interrupted: Interrupted, key: PlannedResource) -> str | None:
    """Return the key to take over; tell of one that is left over, as a later run has created another."""
    from components.aws.unnamed_key import find_unnamed_key

    region = aws_region(interrupted.plan)
    if region is None:
        raise DeploymentError(f"The state has no {AWS_PROVIDER}, which names the key's region.")
    recorded = set(interrupted.recorded.values())
    found = find_unnamed_key(key, aws_credentials(), region, recorded, since=interrupted.since)
    if found is None or key.urn not in interrupted.recorded:
        return found
    say(
        f"An interrupted run has created the KMS key {found}, and a later one the stack's, unless another "
        "stack is just creating one with the same policy. If not, nothing uses it: "
        f"aws kms schedule-key-deletion --region {region} --key-id {found}"
    )
    return None


def import_file(interrupted: Interrupted, found: Mapping[str, str]) -> ImportFile:
    """Return the file by which Pulumi imports what was found, with parents and providers of the state."""
    specs: list[ImportSpec] = []
    table: dict[str, str] = {}
    resources = [one for one in interrupted.creations if one.urn in found]
    for number, resource in enumerate(resources):
        spec: ImportSpec = {
            "type": resource.type,
            # The file's own name, as two resources may have one.
            "name": f"resource-{number}",
            "logicalName": resource.urn.rpartition("::")[2],
            "id": found[resource.urn],
        }
        if (provider := interrupted.providers.get(resource.urn)) is not None:
            spec["provider"] = f"provider-{number}"
            table[f"provider-{number}"] = provider
        if resource.parent and resource.parent.split("::")[2] != _STACK:
            spec["parent"] = f"parent-{number}"
            table[f"parent-{number}"] = resource.parent
        specs.append(spec)
    return {"nameTable": table, "resources": specs}


def _import(file: ImportFile) -> None:
    with tempfile.TemporaryDirectory(prefix="vault-autounseal-") as folder:
        path = Path(folder) / "import.json"
        path.write_text(json.dumps(file), encoding="utf-8")
        # Pulumi protects what it imports; the next update protects what the settings want protected.
        options = ("--generate-code=false", "--yes", "--skip-preview")
        _pulumi("import", f"--file={path}", *options)


def _pulumi(*arguments: str) -> str:
    result = subprocess.run(
        ["pulumi", *arguments, "--non-interactive"], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise DeploymentError((result.stderr + result.stdout).strip())
    return result.stdout

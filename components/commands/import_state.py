"""Writes the file with which `pulumi import` takes what exists into a state that was lost or is incomplete.

It previews the program, looks for everything that the preview would create, and writes the ids of what it
finds in the cloud and in the cluster. It changes nothing. Resources that exist in the state alone aren't in
the file: the next `pulumi up` creates them, and takes the keys of the initialised Vault from their store.
"""

import argparse
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from components.aws.credentials import CredentialSource
from components.commands.selected_stack import selected_stack_settings
from components.errors import DeploymentError
from components.kubernetes.existing_objects import ExistingObjects
from components.kubernetes.kubectl import KubernetesTarget, require_command
from components.planned_resource import Finder, Plan, PlannedResource, plan_of_preview
from components.progress import say
from components.resource_types import DYNAMIC, KUBERNETES_IDENTITY, RELEASE
from components.stack_state import IMPORTING

NAME = "import"
SUMMARY = "write the file for pulumi import, if the state was lost or a run was interrupted"

DOCUMENT = "docs/operations.md#the-state-is-lost"
_PROVIDERS = "pulumi:providers:"
AWS_PROVIDER = f"{_PROVIDERS}aws"


class ImportSpec(TypedDict):
    """A resource in the file (pkg/cmd/pulumi/operations/import.go), as far as this command reads it."""

    type: str
    name: str
    logicalName: NotRequired[str]  # the name in the program, if another resource has it, too
    id: NotRequired[str]
    parent: NotRequired[str]
    provider: NotRequired[str]
    component: NotRequired[bool]


class ImportFile(TypedDict):
    """The file, with the URNs of parents and providers that the state has already."""

    nameTable: NotRequired[Mapping[str, str]]
    resources: NotRequired[list[ImportSpec]]


@dataclass(frozen=True)
class Import:
    """The file, and what is in it."""

    file: ImportFile
    found: Mapping[str, str]
    """Ids by the URNs of what exists."""
    missing: list[str]
    """URNs of what doesn't exist in the cloud or the cluster, and is created by the next update."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file to write."""
    parser.add_argument("file", type=Path, help="the file to write, such as import.json")


def run(options: argparse.Namespace) -> None:
    """Write the file; raise :class:`DeploymentError` if the preview fails or nothing is found."""
    skeleton, plan = previewed()
    result = completed(skeleton, plan, finder(plan))
    for urn, identifier in result.found.items():
        say(f"Found {_described(urn)}: {identifier}")
    for urn in result.missing:
        say(f"Not found, so the next pulumi up creates it: {_described(urn)}")
    if not result.found:
        raise DeploymentError(
            "Nothing of what this stack would create exists, so there is nothing to import: check the "
            "settings, above all the names, if it should exist."
        )
    require_key(result)
    options.file.write_text(json.dumps(result.file, indent=4) + "\n", encoding="utf-8")
    say(
        "If all of that is this stack's, and no other stack's, take it into the state:\n"
        f"  pulumi import --file {options.file} --generate-code=false\n"
        "Then run pulumi preview, read what it would change, and run pulumi up "
        f"({DOCUMENT})."
    )


def require_key(result: Import) -> None:
    """Raise :class:`DeploymentError` if Vault's release exists and the seal's key would be created."""
    missing = [urn for urn in result.missing if re.search(r"UnsealKey\$[^:]*:[^:]*:(Crypto)?Key::", urn)]
    if missing and any(f"{RELEASE}::" in urn for urn in result.found):
        raise DeploymentError(
            "The Helm release exists, and the key of its Vault isn't found under the names in the settings. "
            "A new key opens nothing that Vault has stored, so nothing was written. Vault's configuration "
            "names its key (kubectl get configmap, the one that ends with -config): fix key.*, or on AWS "
            "give the key its alias again (aws kms create-alias) or name it in key.arn."
        )


def previewed() -> tuple[ImportFile, Plan]:
    """Return the file that Pulumi writes for what a preview would create, without ids, and all resources."""
    require_command("pulumi", "it runs the program; see pulumi.com/docs/install")
    with tempfile.TemporaryDirectory(prefix="vault-autounseal-") as folder:
        file = Path(folder) / "import.json"
        result = subprocess.run(
            # What the state has already leads to what it lacks.
            ["pulumi", "preview", "--json", "--show-sames", "--non-interactive", f"--import-file={file}"],
            env={**os.environ, IMPORTING: "true"},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise DeploymentError(
                "The preview, by which this command knows what to look for, fails. Run pulumi preview, fix "
                f"what it says, and run this again.\n{_errors(result.stdout) or result.stderr.strip()}"
            )
        skeleton: ImportFile = json.loads(file.read_text(encoding="utf-8"))
    return skeleton, plan_of_preview(json.loads(result.stdout))


def finder(plan: Plan) -> Finder:
    """Return the look-up of any resource.

    Each cloud is connected to when the first of its resources is looked for.
    """
    by_package: dict[str, Mapping[str, Finder]] = {}

    def find(resource: PlannedResource) -> str | None:
        package = resource.type.partition(":")[0]
        if package not in by_package:
            by_package[package] = _finders(package, plan)
        find_type = by_package[package].get(resource.type)
        if find_type is None:
            say(f"{resource.type} isn't looked for: if it exists, import it by itself (pulumi import).")
            return None
        return find_type(resource)

    return find


def _finders(package: str, plan: Plan) -> Mapping[str, Finder]:
    """Return the look-ups in a cloud or in the cluster, by the type of the resource."""
    match package:
        case "aws" if (region := aws_region(plan)) is not None:
            from components.aws.existing_resources import ExistingAwsResources

            return ExistingAwsResources(plan, aws_credentials(), region=region).finders
        case "gcp":
            from components.google.existing_resources import ExistingGoogleResources

            return ExistingGoogleResources(plan).finders
        case "kubernetes" if (target := kubernetes_target(plan)) is not None:
            return ExistingObjects(target).finders
        case _:
            return {}


def kubernetes_target(plan: Plan) -> KubernetesTarget | None:
    """Return the cluster and namespace of Vault; None if the plan names no cluster."""
    identity = plan.of_type(KUBERNETES_IDENTITY)
    return KubernetesTarget.from_properties(identity.inputs["target"]) if identity is not None else None


def aws_region(plan: Plan) -> str | None:
    """Return the region of the plan's AWS provider; None if it has none."""
    provider = plan.of_type(AWS_PROVIDER)
    return str(provider.inputs["region"]) if provider is not None else None


def aws_credentials() -> CredentialSource:
    """Return the credentials that the selected stack's AWS provider has."""
    return selected_stack_settings().aws_provider.credentials


def completed(skeleton: ImportFile, plan: Plan, find: Finder) -> Import:
    """Return the file with the ids of what exists; what doesn't exist is left out of it."""
    specs = skeleton.get("resources", [])
    by_name = {spec["name"]: spec for spec in specs}
    table = skeleton.get("nameTable", {})

    def qualified_type(spec: ImportSpec) -> str:
        parent = spec.get("parent", "")
        if not parent:
            return spec["type"]
        of_parent = table[parent].split("::")[2] if parent in table else qualified_type(by_name[parent])
        return f"{of_parent}${spec['type']}"

    planned = {resource.urn.split("::", 2)[2]: resource for resource in plan.resources}
    kept: list[ImportSpec] = []
    found: dict[str, str] = {}
    missing: list[str] = []
    for spec in specs:
        if spec.get("component") or spec["type"].startswith(_PROVIDERS):
            kept.append(spec)
            continue
        if spec["type"].startswith(DYNAMIC):
            continue
        resource = planned[f"{qualified_type(spec)}::{spec.get('logicalName', spec['name'])}"]
        identifier = find(resource)
        if identifier is None:
            missing.append(resource.urn)
        else:
            kept.append({**spec, "id": identifier})
            found[resource.urn] = identifier
    return Import(file={**skeleton, "resources": kept}, found=found, missing=missing)


def _described(urn: str) -> str:
    _, _, types, name = urn.split("::", 3)
    return f"{types.rpartition('$')[2]} {name}"


def _errors(preview: str) -> str:
    """Return the error messages in what a failed preview prints as JSON; empty if it prints none."""
    try:
        diagnostics: list[Mapping[str, Any]] = json.loads(preview).get("diagnostics", [])
    except ValueError:
        return ""
    return "\n".join(str(one["message"]).strip() for one in diagnostics if one.get("severity") == "error")

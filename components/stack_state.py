"""Reads what the stack's own state records, which no resource tells the program."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import pulumi

from components.child_environment import environment_without_settings
from components.errors import DeploymentError
from components.progress import Waiting
from components.resource_types import COMPONENTS, IN_COMPONENTS, PACKAGED_VAULT

IMPORTING = "VAULT_AUTOUNSEAL_IMPORT"
"""Environment variable of a preview that is to show what a lost state had; set by the command `import`."""
_READ_SECONDS = 5

_readings: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
"""What the engine has told, by its connection: a process may deploy several stacks, one after the other."""

Outputs = Mapping[str, Mapping[str, Any]]
"""Outputs of the recorded resources of a type, by the resource's name."""


def qualified_stack_name() -> str:
    """Return the name by which the backend knows this stack."""
    stack = pulumi.get_stack()
    # The engine's name for "no organisation": such a backend may know stacks by their bare name only.
    if (organization := pulumi.get_organization()) == "organization":
        return stack
    return f"{organization}/{pulumi.get_project()}/{stack}"


def exported_deployment(stack: str | None = None) -> Mapping[str, Any]:
    """Return the state of a stack as its backend has it, with its secrets encrypted.

    None is the stack that is selected. Raises :class:`DeploymentError` if it can't be read.
    """
    # As in recorded_outputs_of.
    return Waiting("Waiting for the stack's state", _READ_SECONDS).until(
        partial(_exported, stack), DeploymentError
    )


def _exported(stack: str | None) -> Mapping[str, Any]:
    named = [f"--stack={stack}"] if stack is not None else []
    command = ["pulumi", "stack", "export", "--non-interactive", *named]
    environment = environment_without_settings(passphrase=True)
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        deployment: Mapping[str, Any] = json.loads(result.stdout)["deployment"] or {}
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        said = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else str(error)
        whose = f"stack {stack}" if stack is not None else "the selected stack"
        raise DeploymentError(
            f"The state of {whose} can't be read: {said}\n"
            f"Check that {' '.join(['pulumi stack export', *named])} works, and run the command again."
        ) from error
    return deployment


def outputs_in(deployment: Mapping[str, Any], *resource_types: str) -> Mapping[str, Outputs]:
    """Return what :func:`recorded_outputs_of` does, of an exported state, whose secrets are encrypted."""
    return {
        resource_type: {
            str(resource["urn"]).rpartition("::")[2]: resource.get("outputs", {})
            for resource in deployment.get("resources", ())
            # One that a replacement has left for deletion has the other's URN.
            if _is_own(resource["urn"], resource["type"], resource_type) and not resource.get("delete")
        }
        for resource_type in resource_types
    }


def unfinished_creations(deployment: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the resources that an exported state has as being created, by any run."""
    return [
        operation["resource"]
        for operation in deployment.get("pending_operations", ())
        if operation["type"] == "creating"
    ]


def recorded_outputs(resource_type: str) -> Outputs:
    """Return the outputs of the recorded resources of a type, by the resource's name.

    Raises :class:`DeploymentError` as :func:`recorded_outputs_of` does.
    """
    return recorded_outputs_of(resource_type)[resource_type]


def recorded_outputs_of(*resource_types: str) -> Mapping[str, Outputs]:
    """Return the outputs of Vault's recorded resources of some types, by type and name, with one reading.

    They are those of the last update, or of this one as far as it had come when a run first asked: all that
    one run decides, it decides by one reading. Raises :class:`DeploymentError` if the engine doesn't tell.
    """
    answer = _read_once()
    return {
        resource_type: {
            urn.rpartition("::")[2]: recorded["outputs"]
            for urn, recorded in answer["outputs"].items()
            if _is_own(urn, recorded["type"], resource_type)
        }
        for resource_type in resource_types
    }


def outputs_of_unretained(resource_type: str) -> Outputs:
    """Return the outputs of the recorded resources of a type that are deleted if they leave the stack.

    That is what the state says of each (`retainOnDelete`), as the last update that reached it has left it;
    the program's own options aren't heeded for a resource that is no longer in it. By the resource's name.
    Raises :class:`DeploymentError` as :func:`recorded_outputs_of` does.
    """
    # An export takes half a second more.
    if not recorded_outputs(resource_type):
        return {}
    return {
        str(resource["urn"]).rpartition("::")[2]: resource.get("outputs", {})
        for resource in exported_deployment(qualified_stack_name()).get("resources", ())
        if _is_own(resource["urn"], resource["type"], resource_type) and not resource.get("retainOnDelete")
    }


def _read_once() -> Any:
    run = pulumi.runtime.settings.get_monitor()
    if run not in _readings:
        # A state in a file can't be read at the moment in which the engine writes it.
        _readings[run] = Waiting("Waiting for the stack's state", _READ_SECONDS).until(
            partial(_outputs_of, qualified_stack_name()), DeploymentError
        )
    return _readings[run]


def _is_own(urn: str, type_: str, wanted: str) -> bool:
    """Return whether a recorded resource is of the wanted type, and Vault's.

    The package's component stands in programs of other people, whose stacks have releases, keys and roles of
    their own.
    """
    if type_ != wanted or wanted not in IN_COMPONENTS:
        return type_ == wanted
    *parents, _ = urn.split("::")[2].split("$")
    return bool(parents) and parents[-1].startswith(COMPONENTS) and parents[-1] != PACKAGED_VAULT


def _outputs_of(stack: str) -> Any:
    try:
        return pulumi.runtime.invoke(
            "pulumi:pulumi:readStackResourceOutputs", {"stackName": stack}, pulumi.InvokeOptions()
        ).value
    # The SDK raises the bare Exception for a failed invoke (pulumi/runtime/invoke.py).
    except Exception as error:
        raise DeploymentError(
            f"The engine doesn't tell what the state of stack {stack} records: {error}\n"
            f"Check that pulumi stack export --stack {stack} works, and run the command again."
        ) from error

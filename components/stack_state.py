"""Reads what the stack's own state records, which no resource tells the program."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pulumi

from components.errors import DeploymentError
from components.progress import Waiting

IMPORTING = "VAULT_AUTOUNSEAL_IMPORT"
"""Environment variable of a preview that is to show what a lost state had; set by the command `import`."""
_READ_SECONDS = 5


def qualified_stack_name() -> str:
    """Return the name by which the backend knows this stack."""
    stack = pulumi.get_stack()
    # The engine's name for "no organisation": such a backend may know stacks by their bare name only.
    if (organization := pulumi.get_organization()) == "organization":
        return stack
    return f"{organization}/{pulumi.get_project()}/{stack}"


def unfinished_creations(deployment: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the resources that an exported state has as being created, by any run."""
    return [
        operation["resource"]
        for operation in deployment.get("pending_operations", ())
        if operation["type"] == "creating"
    ]


def recorded_outputs(resource_type: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the outputs of the recorded resources of a type, by the resource's name.

    Raises :class:`DeploymentError` as :func:`recorded_outputs_of` does.
    """
    return recorded_outputs_of(resource_type)[resource_type]


def recorded_outputs_of(*resource_types: str) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """Return the outputs of the recorded resources of some types, by type and name, with one reading.

    They are those of the last update, or of this one as far as it has come. Raises :class:`DeploymentError`
    if the engine doesn't tell.
    """
    stack = qualified_stack_name()
    # A state in a file can't be read at the moment in which the engine writes it.
    answer = Waiting("Waiting for the stack's state", _READ_SECONDS).until(
        partial(_outputs_of, stack), DeploymentError
    )
    return {
        resource_type: {
            urn.rpartition("::")[2]: recorded["outputs"]
            for urn, recorded in answer["outputs"].items()
            if recorded["type"] == resource_type
        }
        for resource_type in resource_types
    }


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

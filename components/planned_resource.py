"""Holds the resources of a preview, of which an import looks for those that exist."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What Pulumi's JSON has for a value that only the creation tells (sdk/go/common/resource/plugin, rpc.go)."""


@dataclass(frozen=True)
class PlannedResource:
    """A resource as the preview has it."""

    urn: str
    type: str
    parent: str
    """URN of its parent."""
    inputs: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return an input; empty if it isn't given, or comes from a resource that is still to be created."""
        value = self.inputs.get(name)
        return "" if value == UNKNOWN else str(value or "")


Finder = Callable[[PlannedResource], str | None]
"""Returns the id with which a resource of one type is imported; None if it doesn't exist.

Raises :class:`DeploymentError` if the cloud or the cluster can't be asked.
"""


@dataclass(frozen=True)
class Plan:
    """All resources of a preview, those that it leaves alone among them."""

    resources: Sequence[PlannedResource]

    def sibling(self, resource: PlannedResource, resource_type: str) -> PlannedResource | None:
        """Return the resource of that type with the same parent; None if there is none."""
        return next(
            (
                other
                for other in self.resources
                if other.type == resource_type and other.parent == resource.parent
            ),
            None,
        )

    def of_type(self, resource_type: str) -> PlannedResource | None:
        """Return the first resource of that type; None if there is none."""
        return next((other for other in self.resources if other.type == resource_type), None)


def plan_of_preview(document: Mapping[str, Any]) -> Plan:
    """Return the resources in what ``pulumi preview --json`` prints."""
    resources = []
    for step in document.get("steps", ()):
        state = step.get("newState") or step.get("oldState") or {}
        resources.append(
            PlannedResource(
                urn=str(step["urn"]),
                type=str(state.get("type", "")),
                parent=str(state.get("parent", "")),
                inputs=state.get("inputs") or {},
            )
        )
    return Plan(resources)

"""What the resource types of AWS share."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.aws.api import Aws
from sandbox.plugins.bridged_schema import BridgedResourceType
from sandbox.plugins.property_differences import differences, path_of
from sandbox.plugins.property_values import PropertyMap, PropertyValue, Unknown
from sandbox.plugins.provider import Change, Created, Difference, Resource


class AwsResourceType(BridgedResourceType):
    """A resource type of AWS's; states keep the program's own words if they mean what AWS tells."""

    package: ClassVar[str] = "aws"
    mirrored_inputs: ClassVar[Mapping[str, str]] = {"tagsAll": "tags"}

    def __init__(self, aws: Aws) -> None:
        self.aws = aws

    @abstractmethod
    def make(self, inputs: PropertyMap) -> Created:
        """Create the resource in AWS."""

    @override
    def create_now(self, resource: Resource, inputs: PropertyMap) -> Created:
        """Create the resource in AWS, with the provider's default tags."""
        created = self.make(self._with_all_tags(inputs))
        return replace(created, state=self._with_own_tags(created.state, inputs))

    @override
    def update(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap, *, preview: bool
    ) -> PropertyMap:
        """Change the resource, whose tags are the provider's default ones, too."""
        recorded = {**state, "tags": state["tagsAll"]} if state.get("tagsAll") else state
        new = super().update(resource, identifier, recorded, self._with_all_tags(inputs), preview=preview)
        return self._with_own_tags(new, inputs)

    @override
    def diff(self, state: PropertyMap, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Difference:
        """Compare all tags, too: the real plugin has them among the inputs (pulumi-aws, provider/tags.go)."""
        found = super().diff(state, old_inputs, new_inputs)
        if not self._is_tagged and not state.get("tagsAll"):
            return found
        if any(path.startswith("tags") for path in found.changes):
            return found
        changed = differences(state.get("tagsAll", {}), self._all_tags(new_inputs), ("tagsAll",))
        tags = {path_of(steps): Change(kind) for steps, kind in changed}
        return replace(found, changes={**found.changes, **tags})

    @override
    def complete(self, live: PropertyMap, state: PropertyMap) -> None:
        """Keep the recorded words for values that mean the same, and take default tags out of the others."""
        tags, own = live.get("tags"), state.get("tags", {})
        if isinstance(tags, dict) and isinstance(own, dict):
            live["tags"] = {
                key: value
                for key, value in tags.items()
                if key in own or self.aws.default_tags.get(key) != value
            }
        for name, declared in self.schema.by_name.items():
            if name in state and name in live and declared.equal(state[name], live[name]):
                live[name] = state[name]

    @override
    def comparable(self, old: PropertyValue, new: PropertyValue) -> tuple[PropertyValue, PropertyValue]:
        """Take an empty text that was recorded for a missing one, if the new value is known."""
        return (None if old == "" and not isinstance(new, Unknown) else old), new

    @override
    def derived_outputs(self, inputs: PropertyMap, state: PropertyMap) -> PropertyMap:
        """Foretell all tags."""
        return {"tagsAll": self._all_tags(inputs)} if "tagsAll" in self.schema.outputs else {}

    def _all_tags(self, inputs: PropertyMap) -> PropertyValue:
        """Return the provider's default tags and the resource's own, which take precedence."""
        own = inputs.get("tags", {})
        return {**self.aws.default_tags, **own} if isinstance(own, dict) else own

    def _with_all_tags(self, inputs: PropertyMap) -> PropertyMap:
        return {**inputs, "tags": self._all_tags(inputs)} if self._is_tagged else inputs

    def _with_own_tags(self, state: PropertyMap, inputs: PropertyMap) -> PropertyMap:
        return {**state, "tags": inputs.get("tags", {})} if self._is_tagged else state

    @property
    def _is_tagged(self) -> bool:
        """Whether the provider adds tags to this resource."""
        return bool(self.aws.default_tags) and "tags" in self.schema.by_name

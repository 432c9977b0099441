"""What the resource types of AWS share."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.aws.api import Aws
from sandbox.plugins.bridged_schema import BridgedResourceType
from sandbox.plugins.property_values import PropertyMap, PropertyValue, Unknown
from sandbox.plugins.provider import Created, Resource


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
        """Create the resource in AWS."""
        return self.make(inputs)

    @override
    def complete(self, live: PropertyMap, state: PropertyMap) -> None:
        """Keep the recorded words for values that mean the same."""
        for name, declared in self.schema.by_name.items():
            if name in state and name in live and declared.equal(state[name], live[name]):
                live[name] = state[name]

    @override
    def comparable(self, old: PropertyValue, new: PropertyValue) -> tuple[PropertyValue, PropertyValue]:
        """Take an empty text that was recorded for a missing one, if the new value is known."""
        return (None if old == "" and not isinstance(new, Unknown) else old), new

    @override
    def derived_outputs(self, inputs: PropertyMap, state: PropertyMap) -> PropertyMap:
        """Foretell all tags: the program's, as the provider adds none."""
        return {"tagsAll": inputs.get("tags", {})} if "tagsAll" in self.schema.outputs else {}

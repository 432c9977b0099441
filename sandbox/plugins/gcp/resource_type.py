"""What the resource types of Google Cloud share."""

import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.bridged_schema import BridgedResourceType, Property
from sandbox.plugins.gcp.api import Google
from sandbox.plugins.gcp.labels import labels_of
from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import Created, PartialFailureError, ProviderError, Resource

PROJECT = Property("project", replaces=True, computed=True)


class GoogleResourceType(BridgedResourceType):
    """A resource type of Google Cloud's; states hold what Google tells."""

    package: ClassVar[str] = "gcp"
    mirrored_inputs: ClassVar[Mapping[str, str]] = {"pulumiLabels": "labels", "effectiveLabels": "labels"}

    def __init__(self, google: Google) -> None:
        self.google = google

    @abstractmethod
    def make(self, inputs: PropertyMap) -> tuple[str, PropertyMap]:
        """Create the resource in Google; returns its id and the outputs which only the creation tells."""

    def project_of(self, inputs: PropertyMap) -> str:
        """Return the project that a resource goes into: its own, or else the provider's."""
        project = inputs.get("project") or self.google.project
        if not isinstance(project, str):
            raise ProviderError("project: required field is not set")
        return project

    @override
    def provider_values(self) -> PropertyMap:
        """Give the provider's project to a resource that names none."""
        known = PROJECT in self.schema.inputs and self.google.project is not None
        return {"project": self.google.project} if known else {}

    @override
    def create_now(self, resource: Resource, inputs: PropertyMap) -> Created:
        """Create the resource in Google and read it back."""
        identifier, told = self.make(inputs)
        recorded = {**inputs, **told}
        try:
            found = self.read(resource, identifier, recorded, inputs)
        except ProviderError as error:
            raise PartialFailureError(str(error), identifier, self.marked(recorded)) from error
        if found is None:
            raise ProviderError(f"{identifier} was made, and is not there any more")
        return Created(identifier, found.state)

    @override
    def complete(self, live: PropertyMap, state: PropertyMap) -> None:
        """Keep the recorded outputs that Google doesn't tell again."""
        for name in self.schema.outputs:
            if name not in live and state.get(name) is not None:
                live[name] = state[name]

    @override
    def comparable(self, old: PropertyValue, new: PropertyValue) -> tuple[PropertyValue, PropertyValue]:
        """Take empty values for missing ones, as Terraform doesn't tell them apart."""
        return _present(old), _present(new)

    @override
    def derived_outputs(self, inputs: PropertyMap, state: PropertyMap) -> PropertyMap:
        """Foretell the labels' outputs."""
        return labels_of(inputs.get("labels"), state) if "pulumiLabels" in self.schema.outputs else {}


def parsed_id(identifier: str, form: str) -> Mapping[str, str]:
    """Return the parts of an id, such as of the form ``projects/{project}/roles/{roleId}``.

    Raises :class:`ProviderError` for an id of another form; short forms are not implemented.
    """
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", form)
    match = re.fullmatch(pattern, identifier)
    if match is None:
        raise ProviderError(f'Import id "{identifier}" doesn\'t match any of the accepted formats: [{form}]')
    return match.groupdict()


def _present(value: PropertyValue) -> PropertyValue:
    return None if isinstance(value, str | list | dict) and not value else value

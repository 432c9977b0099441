"""What the resource types of Vault share."""

import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.bridged_schema import BridgedResourceType
from sandbox.plugins.json_values import from_json, to_json
from sandbox.plugins.property_values import PropertyMap, PropertyValue, Secret
from sandbox.plugins.provider import Created, ProviderError, Resource
from sandbox.plugins.vault.api import JsonObject, Vault


class VaultResourceType(BridgedResourceType):
    """A resource type of Vault's, whose id is the path that it is at."""

    package: ClassVar[str] = "vault"

    def __init__(self, vault: Vault) -> None:
        self.vault = vault

    @abstractmethod
    def place(self, inputs: PropertyMap) -> str:
        """Return the id."""

    @abstractmethod
    def make(self, identifier: str, inputs: PropertyMap) -> None:
        """Create it in Vault."""

    @override
    def create_now(self, resource: Resource, inputs: PropertyMap) -> Created:
        """Create it in Vault and read it back."""
        identifier = self.place(inputs)
        self.make(identifier, inputs)
        found = self.read(resource, identifier, inputs, inputs)
        if found is None:
            raise ProviderError(f"{identifier} was made, and is not there any more")
        return Created(identifier, found.state)

    @override
    def complete(self, live: PropertyMap, state: PropertyMap) -> None:
        """Keep the program's own words for values that mean the same."""
        for name, declared in self.schema.by_name.items():
            if name in state and name in live and declared.equal(state[name], live[name]):
                live[name] = state[name]

    @override
    def comparable(self, old: PropertyValue, new: PropertyValue) -> tuple[PropertyValue, PropertyValue]:
        """Take empty values for missing ones, as Terraform doesn't tell them apart."""
        return _present(old), _present(new)

    @override
    def derived_outputs(self, inputs: PropertyMap, state: PropertyMap) -> PropertyMap:
        """Foretell nothing."""
        return {}

    def body(self, inputs: PropertyMap, *left_out: str) -> JsonObject:
        """Return the inputs as Vault names them, without those that are the place."""
        return {
            declared.upstream_name: to_json(_plain(inputs[declared.name]))
            for declared in self.schema.inputs
            if declared.name in inputs and declared.name not in left_out
        }

    def told(self, data: JsonObject) -> PropertyMap:
        """Return what Vault tells of the inputs."""
        return {
            declared.name: from_json(data[declared.upstream_name])
            for declared in self.schema.inputs
            if data.get(declared.upstream_name) is not None
        }


class WrittenResourceType(VaultResourceType):
    """Something that is written, read and deleted at one path."""

    form: ClassVar[str]
    """The path, with properties in braces."""
    prefix: ClassVar[str] = ""
    """What the path has before the id."""

    @property
    def _parts(self) -> tuple[str, ...]:
        return tuple(re.findall(r"\{(\w+)\}", self.form))

    @override
    def place(self, inputs: PropertyMap) -> str:
        return self.form.format(**{name: str(inputs[name]).strip("/") for name in self._parts})

    @override
    def make(self, identifier: str, inputs: PropertyMap) -> None:
        self.vault.write(f"{self.prefix}{identifier}", self.body(inputs, *self._parts))

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        self.make(identifier, inputs)

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        data = self.vault.read(f"{self.prefix}{identifier}")
        return None if data is None else {**self.told(data), **parsed_place(identifier, self.form)}

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        self.vault.delete(f"{self.prefix}{identifier}")


def parsed_place(identifier: str, form: str) -> Mapping[str, str]:
    """Return the parts of an id; raises :class:`ProviderError` for one of another form."""
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>.+)", form)
    match = re.fullmatch(pattern, identifier)
    if match is None:
        raise ProviderError(f"invalid path {identifier!r}: it isn't of the form {form}")
    return match.groupdict()


def _plain(value: PropertyValue) -> PropertyValue:
    return value.value if isinstance(value, Secret) else value


def _present(value: PropertyValue) -> PropertyValue:
    return None if isinstance(value, str | list | dict) and not value else value

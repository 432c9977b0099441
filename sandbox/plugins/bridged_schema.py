"""The declared side of a bridged resource type: properties, defaults, validation, differences.

The real plugins of the clouds are bridges over Terraform providers, whose schemas say of each property
whether it is required, what its default is, which values are valid and if a change replaces the resource.
"""

import hashlib
import re
import secrets
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from typing_extensions import override

from sandbox.plugins.property_differences import Kind, differences, path_of, type_sensitive
from sandbox.plugins.property_values import (
    UNKNOWN,
    PropertyMap,
    PropertyValue,
    Secret,
    Unknown,
    contains_unknown,
)
from sandbox.plugins.provider import (
    Change,
    Checked,
    CheckFailure,
    Created,
    Difference,
    Found,
    Resource,
    ResourceType,
    not_implemented,
)
from sandbox.plugins.validation import Validator

PropertyKind = Literal["string", "boolean", "integer", "map", "set", "object", "objects"]
DEFAULTS_KEY = "__defaults"
"""Where the bridge records which inputs it filled in itself."""
_AUTONAME_DIGITS = 7


@dataclass(frozen=True)
class Property:
    """One input property. ``name`` is Pulumi's; messages name it as Terraform does."""

    name: str
    kind: PropertyKind = "string"
    required: bool = False
    default: PropertyValue = None
    replaces: bool = False
    replaces_below: frozenset[str] = frozenset()
    """Parts of an object whose change replaces the resource, while that of another part doesn't."""
    computed: bool = False
    """The cloud chooses a value if the program gives none, so a missing input is no change."""
    read_back: bool = True
    """Whether the cloud tells the value; otherwise a refresh keeps what is recorded."""
    autonamed: bool = False
    """The real plugin makes a value if the program gives none, and the stand-in refuses to."""
    validators: tuple[Validator, ...] = ()
    same: Callable[[PropertyValue, PropertyValue], bool] | None = None
    """Whether two different values mean the same."""
    upstream: str = ""
    """The name in the Terraform provider, if it doesn't follow from Pulumi's."""

    @property
    def upstream_name(self) -> str:
        """The name in the Terraform provider: ``rotationPeriod`` is ``rotation_period``."""
        return self.upstream or re.sub(r"([A-Z])", lambda match: f"_{match.group(1).lower()}", self.name)

    def equal(self, old: PropertyValue, new: PropertyValue) -> bool:
        """Compare two known values by what they mean."""
        if self.same is not None and self.same(old, new):
            return True
        if self.kind == "set" and isinstance(old, list) and isinstance(new, list):
            return {str(item) for item in old} == {str(item) for item in new}
        return type_sensitive(old) == type_sensitive(new)

    def replaced_by_change_of(self, steps: tuple[str | int, ...]) -> bool:
        """Tell if the change of a part, named by its path, replaces the resource."""
        if self.replaces or not self.replaces_below:
            return self.replaces
        return len(steps) < 2 or steps[1] in self.replaces_below

    def wrong(self, value: PropertyValue) -> Iterator[str]:
        """Yield what is wrong with a value."""
        if isinstance(value, Unknown):
            return
        python_type, type_name = _PYTHON_TYPES[self.kind]
        if not isinstance(value, python_type) or (self.kind == "integer" and isinstance(value, bool)):
            yield f"expected type '{type_name}' for {self.upstream_name}, got unconvertible type"
            return
        if isinstance(value, dict) and self.kind == "map":
            if not all(isinstance(text, str | Unknown) for text in value.values()):
                yield f"expected every value of {self.upstream_name} to be a string"
        elif isinstance(value, list):
            item_type = str if self.kind == "set" else dict
            if not all(isinstance(item, item_type | Unknown) for item in value):
                yield f"expected every item of {self.upstream_name} to be a {item_type.__name__}"
                return
        if not contains_unknown(value):
            reasons = (validator(self.upstream_name, value) for validator in self.validators)
            yield from (reason for reason in reasons if reason is not None)


_PYTHON_TYPES: Mapping[PropertyKind, tuple[type, str]] = {
    "string": (str, "string"),
    "boolean": (bool, "bool"),
    "integer": (int, "int"),
    "map": (dict, "map[string]string"),
    "set": (list, "[]string"),
    "object": (dict, "object"),
    "objects": (list, "[]object"),
}


@dataclass(frozen=True)
class Autonaming:
    """How a missing ``name`` is made: the resource's name, a dash and seven hexadecimal digits after
    ``prefix``.
    """

    maximum_length: int
    prefix: str = ""
    of: str = "name"
    """The property that is the name."""
    lower_case: bool = False
    """Whether the resource's name is made lower case."""


@dataclass(frozen=True)
class Schema:
    """A resource type's properties. ``not_implemented`` are inputs that the real plugin has and this one
    refuses.
    """

    inputs: tuple[Property, ...]
    outputs: tuple[str, ...]
    not_implemented: frozenset[str] = frozenset()
    secret_outputs: frozenset[str] = frozenset()
    autonaming: Autonaming | None = None

    @property
    def by_name(self) -> Mapping[str, Property]:
        """The input properties by Pulumi's names."""
        return {declared.name: declared for declared in self.inputs}


class BridgedResourceType(ResourceType):
    """A resource type whose check and diff follow from its schema, and which asks its cloud for the rest."""

    package: ClassVar[str]
    schema: ClassVar[Schema]

    @abstractmethod
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Read the state in the cloud, without what it doesn't tell; ``None`` if there is no such resource.

        ``state`` is empty on import. Raises :class:`ProviderError` for an id of another form.
        """

    @abstractmethod
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Bring the resource in the cloud to new inputs."""

    @abstractmethod
    def create_now(self, resource: Resource, inputs: PropertyMap) -> Created:
        """Create the resource in the cloud; raises like :meth:`create`."""

    @abstractmethod
    def complete(self, live: PropertyMap, state: PropertyMap) -> None:
        """Complete the state that was read by what was recorded before."""

    @abstractmethod
    def comparable(self, old: PropertyValue, new: PropertyValue) -> tuple[PropertyValue, PropertyValue]:
        """Give two unequal values the form in which the real plugin compares them."""

    @abstractmethod
    def derived_outputs(self, inputs: PropertyMap, state: PropertyMap) -> PropertyMap:
        """Foretell the outputs that follow from inputs; ``state`` is empty for a new resource."""

    def provider_values(self) -> PropertyMap:
        """Give the values that the provider has for inputs that the program leaves out; none by default."""
        return {}

    def check_together(self, inputs: PropertyMap) -> Sequence[CheckFailure]:  # noqa: ARG002 - a hook
        """Tell what is wrong with the inputs taken together; nothing by default."""
        return ()

    def replaced_together(self, state: PropertyMap, inputs: PropertyMap) -> frozenset[str]:  # noqa: ARG002
        """Name the properties whose change replaces the resource in this case only; none by default."""
        return frozenset()

    @override
    def check(self, resource: Resource, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Checked:
        """Refuse unknown and wrong properties, and fill in names and defaults."""
        inputs: PropertyMap = {}
        failures: list[CheckFailure] = []
        for name, value in new_inputs.items():
            declared = self.schema.by_name.get(name)
            where = f"Examine values at '{resource.name}.{name}'."
            if declared is not None:
                inputs[name] = value
                failures.extend(CheckFailure(name, f"{reason}. {where}") for reason in declared.wrong(value))
            elif name in self.schema.not_implemented:
                refusal = not_implemented(self.package, f"the property {name} of {self.token}")
                failures.append(CheckFailure(name, refusal))
            else:
                failures.append(CheckFailure(name, f"Invalid or unknown key. {where}"))
        defaults = self._fill_in(resource, old_inputs, inputs)
        failures.extend(self._missing(resource, inputs))
        failures.extend(self.check_together(inputs))
        inputs[DEFAULTS_KEY] = list[PropertyValue](sorted(defaults))
        return Checked(inputs, tuple(failures))

    def _fill_in(self, resource: Resource, old_inputs: PropertyMap, inputs: PropertyMap) -> set[str]:
        """Add defaults to the inputs; returns the names of those added."""
        defaults: set[str] = set()
        autonaming = self.schema.autonaming
        if autonaming is not None and autonaming.of not in inputs:
            recorded = old_inputs.get(DEFAULTS_KEY)
            if isinstance(recorded, list) and autonaming.of in recorded:
                inputs[autonaming.of] = old_inputs[autonaming.of]
            else:
                inputs[autonaming.of] = _autoname(resource, autonaming)
            defaults.add(autonaming.of)
        for declared in self.schema.inputs:
            if declared.default is not None and declared.name not in inputs:
                inputs[declared.name] = declared.default
                defaults.add(declared.name)
        return defaults

    def _missing(self, resource: Resource, inputs: PropertyMap) -> Iterator[CheckFailure]:
        for declared in self.schema.inputs:
            if inputs.get(declared.name) is not None:
                continue
            if declared.required:
                yield CheckFailure(
                    declared.name,
                    f'Missing required argument. The argument "{declared.upstream_name}" is required, '
                    f"but no definition was found.. Examine values at '{resource.name}.{declared.name}'.",
                )
            elif declared.autonamed:
                what = f"an automatic {declared.name} for {self.token}"
                yield CheckFailure(declared.name, not_implemented(self.package, what))

    @override
    def diff(self, state: PropertyMap, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Difference:
        """Compare the recorded state with new inputs, property by property."""
        changes: dict[str, Change] = {}
        inputs = {**self.provider_values(), **new_inputs}
        replaced_together = self.replaced_together(state, new_inputs)
        for declared in self.schema.inputs:
            old, new = state.get(declared.name), inputs.get(declared.name)
            for steps, kind in self._property_differences(declared, old, new):
                replaces = declared.name in replaced_together or declared.replaced_by_change_of(steps)
                changes[path_of(steps)] = Change(kind, replaces)
        recorded = new_inputs.get(DEFAULTS_KEY)
        name = None if self.schema.autonaming is None else self.schema.autonaming.of
        own_name = name is not None and isinstance(recorded, list) and name not in recorded
        return Difference(
            changes,
            # Two resources of one name can't be there at once, so one that keeps a name of the program's own
            # choice has to make room first.
            delete_before_replace=own_name
            and any(change.replaces for change in changes.values())
            and state.get(name or "name") == new_inputs.get(name or "name"),
        )

    def _property_differences(
        self, declared: Property, old: PropertyValue, new: PropertyValue
    ) -> Iterator[tuple[tuple[str | int, ...], Kind]]:
        if old is not None and new is not None and not contains_unknown(new) and declared.equal(old, new):
            return
        old, new = self.comparable(old, new)
        if new is None and (declared.computed or old in (None, "", False, 0, {})):
            return
        yield from differences(old, new, (declared.name,))

    @override
    def create(self, resource: Resource, inputs: PropertyMap, *, preview: bool) -> Created:
        """Create the resource, or say what is known of it."""
        inputs = _without_defaults(inputs)
        if not preview:
            return self.create_now(resource, inputs)
        state: PropertyMap = dict.fromkeys(self.schema.outputs, UNKNOWN)
        state.update((declared.name, UNKNOWN) for declared in self.schema.inputs if declared.computed)
        return Created("", {**state, **self.provider_values(), **inputs, **self.derived_outputs(inputs, {})})

    @override
    def read(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap
    ) -> Found | None:
        """Refresh: the cloud's values; inputs stay in the program's own words if they mean the same."""
        live = self.look(identifier, state)
        if live is None:
            return None
        self.complete(live, state)
        importing = not inputs
        new_inputs: PropertyMap = {DEFAULTS_KEY: inputs.get(DEFAULTS_KEY, [])}
        for declared in self.schema.inputs:
            name = declared.name
            if not declared.read_back:
                recorded = state.get(name, declared.default)
                if recorded is not None:
                    live[name] = recorded
            given, current = inputs.get(name), live.get(name)
            if given is not None and current is not None:
                new_inputs[name] = given if declared.equal(given, current) else current
            elif importing and current not in (None, "", {}, [], declared.default):
                new_inputs[name] = current
        return Found(identifier, self.marked(live), new_inputs)

    @override
    def update(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap, *, preview: bool
    ) -> PropertyMap:
        """Change the resource, or say what is known of the outcome."""
        inputs = _without_defaults(inputs)
        kept: PropertyMap = {
            name: value
            for name, value in state.items()
            if name in inputs or name not in self.schema.by_name or self.schema.by_name[name].computed
        }
        new_state = {**kept, **inputs, **self.derived_outputs(inputs, state)}
        if preview:
            return self.marked(new_state)
        self.change(identifier, state, inputs)
        return self.recorded(identifier, new_state)

    def recorded(self, identifier: str, inputs: PropertyMap) -> PropertyMap:
        """Give the state to record: what the cloud tells, and of the rest what was asked for."""
        found = self.read(Resource(""), identifier, inputs, inputs)
        return self.marked(inputs) if found is None else found.state

    def marked(self, state: PropertyMap) -> PropertyMap:
        """Mark those outputs as secret that the real plugin has as secrets."""
        secret = self.schema.secret_outputs
        return {
            name: Secret(value) if name in secret and not isinstance(value, Secret) else value
            for name, value in state.items()
        }


def _without_defaults(inputs: PropertyMap) -> PropertyMap:
    return {name: value for name, value in inputs.items() if name != DEFAULTS_KEY}


def _autoname(resource: Resource, autonaming: Autonaming) -> str:
    """Make a name that is new for each resource, but the same in a preview and the update after it."""
    seed = resource.random_seed or secrets.token_bytes(16)
    digits = hashlib.sha256(seed + resource.urn.encode()).hexdigest()[:_AUTONAME_DIGITS]
    room = autonaming.maximum_length - len(autonaming.prefix) - len(digits) - 1
    own = resource.name.lower() if autonaming.lower_case else resource.name
    return f"{autonaming.prefix}{own[:room]}-{digits}"

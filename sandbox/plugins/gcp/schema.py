"""The declared side of a bridged resource type: properties, defaults, validation, differences.

The real plugin is a bridge over the Terraform provider, whose schemas say of each property whether it is
required, what its default is, which values are valid and whether a change replaces the resource.
"""

import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from typing_extensions import override

from sandbox.plugins.gcp.api import Google
from sandbox.plugins.gcp.labels import labels_of
from sandbox.plugins.gcp.validation import Validator
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
    EngineLog,
    Found,
    PartialFailureError,
    ProviderError,
    Resource,
    ResourceType,
    not_implemented,
)

PropertyKind = Literal["string", "boolean", "integer", "map", "set", "object", "objects"]
DEFAULTS_KEY = "__defaults"
"""Where the bridge records which inputs it filled in itself."""


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
    """Google chooses a value where the program gives none, so a missing input is no change."""
    read_back: bool = True
    """Whether Google tells the value; otherwise a refresh keeps what is recorded."""
    autonamed: bool = False
    """The real plugin makes a value where the program gives none, and this one refuses to."""
    validators: tuple[Validator, ...] = ()
    same: Callable[[PropertyValue, PropertyValue], bool] | None = None
    """Whether two different values mean the same."""
    upstream: str = ""
    """The name in the Terraform provider, where it doesn't follow from Pulumi's."""

    @property
    def upstream_name(self) -> str:
        """The name in the Terraform provider: ``rotationPeriod`` is ``rotation_period``."""
        return self.upstream or re.sub(r"([A-Z])", lambda match: f"_{match.group(1).lower()}", self.name)

    def equal(self, old: PropertyValue, new: PropertyValue) -> bool:
        """Whether two known values mean the same."""
        if self.same is not None and self.same(old, new):
            return True
        if self.kind == "set" and isinstance(old, list) and isinstance(new, list):
            return {str(item) for item in old} == {str(item) for item in new}
        return type_sensitive(old) == type_sensitive(new)

    def replaced_by_change_of(self, steps: tuple[str | int, ...]) -> bool:
        """Whether the change of a part, named by its path, replaces the resource."""
        return self.replaces or len(steps) < 2 or steps[1] in self.replaces_below

    def wrong(self, value: PropertyValue) -> Iterator[str]:
        """What is wrong with a value."""
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
class Schema:
    """A resource type's properties. ``not_implemented`` are inputs that the real plugin has and this one
    refuses.
    """

    inputs: tuple[Property, ...]
    outputs: tuple[str, ...]
    not_implemented: frozenset[str] = frozenset()
    secret_outputs: frozenset[str] = frozenset()

    @property
    def by_name(self) -> Mapping[str, Property]:
        """The input properties by Pulumi's names."""
        return {declared.name: declared for declared in self.inputs}


PROJECT = Property("project", replaces=True, computed=True)


class BridgedResourceType(ResourceType):
    """A resource type whose check and diff follow from its schema, and which talks to Google for the rest."""

    schema: ClassVar[Schema]
    mirrored_inputs: ClassVar[Mapping[str, str]] = {"pulumiLabels": "labels", "effectiveLabels": "labels"}

    def __init__(self, google: Google, log: EngineLog) -> None:
        self.google = google
        self.log = log

    @abstractmethod
    def make(self, inputs: PropertyMap) -> tuple[str, PropertyMap]:
        """Create the resource in Google; returns its id and the outputs which only the creation tells."""

    @abstractmethod
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """The state in Google, without what Google doesn't tell; ``None`` if there is no such resource.

        ``state`` is empty on import. Raises :class:`ProviderError` for an id of another form.
        """

    @abstractmethod
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Bring the resource in Google to new inputs."""

    def check_together(self, inputs: PropertyMap) -> Sequence[CheckFailure]:  # noqa: ARG002 - a hook
        """What is wrong with the inputs taken together; nothing by default."""
        return ()

    def project_of(self, inputs: PropertyMap) -> str:
        """The project that a resource goes into: its own, or else the provider's."""
        project = inputs.get("project") or self.google.project
        if not isinstance(project, str):
            raise ProviderError("project: required field is not set")
        return project

    @override
    def check(self, resource: Resource, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Checked:
        """Refuse unknown and wrong properties, and fill in defaults."""
        inputs: PropertyMap = {}
        failures: list[CheckFailure] = []
        for name, value in new_inputs.items():
            declared = self.schema.by_name.get(name)
            where = f"Examine values at '{resource.name}.{name}'."
            if declared is not None:
                inputs[name] = value
                failures.extend(CheckFailure(name, f"{reason}. {where}") for reason in declared.wrong(value))
            elif name in self.schema.not_implemented:
                refusal = not_implemented("gcp", f"the property {name} of {self.token}")
                failures.append(CheckFailure(name, refusal))
            else:
                failures.append(CheckFailure(name, f"Invalid or unknown key. {where}"))
        failures.extend(self._missing(resource, inputs))
        failures.extend(self.check_together(inputs))
        defaults = [
            declared
            for declared in self.schema.inputs
            if declared.default is not None and declared.name not in inputs
        ]
        inputs.update((declared.name, declared.default) for declared in defaults)
        inputs[DEFAULTS_KEY] = list[PropertyValue](sorted(declared.name for declared in defaults))
        return Checked(inputs, tuple(failures))

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
                yield CheckFailure(declared.name, not_implemented("gcp", what))

    @override
    def diff(self, state: PropertyMap, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Difference:
        """Compare the recorded state with new inputs, property by property."""
        changes: dict[str, Change] = {}
        for declared in self.schema.inputs:
            new = new_inputs.get(declared.name)
            if new is None and declared == PROJECT:
                new = self.google.project
            for steps, kind in _property_differences(declared, state.get(declared.name), new):
                replaces = declared.replaced_by_change_of(steps) if declared.replaces_below else None
                changes[path_of(steps)] = Change(kind, declared.replaces if replaces is None else replaces)
        return Difference(changes)

    @override
    def create(self, resource: Resource, inputs: PropertyMap, *, preview: bool) -> Created:
        """Create the resource, or say what is known of it."""
        inputs = _without_defaults(inputs)
        if preview:
            state: PropertyMap = dict.fromkeys(self.schema.outputs, UNKNOWN)
            state.update((declared.name, UNKNOWN) for declared in self.schema.inputs if declared.computed)
            if PROJECT in self.schema.inputs and self.google.project is not None:
                state["project"] = self.google.project
            return Created("", {**state, **inputs, **self._foretold_labels(inputs, {})})
        identifier, told = self.make(inputs)
        recorded = {**inputs, **told}
        try:
            found = self.read(resource, identifier, recorded, inputs)
        except ProviderError as error:
            raise PartialFailureError(str(error), identifier, self._marked(recorded)) from error
        if found is None:
            raise ProviderError(f"{identifier} was made, and is not there any more")
        return Created(identifier, found.state)

    @override
    def read(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap
    ) -> Found | None:
        """Refresh: Google's values; inputs stay in the program's own words where they mean the same."""
        live = self.look(identifier, state)
        if live is None:
            return None
        for name in self.schema.outputs:
            if name not in live and state.get(name) is not None:
                live[name] = state[name]
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
        return Found(identifier, self._marked(live), new_inputs)

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
        new_state = {**kept, **inputs, **self._foretold_labels(inputs, state)}
        if preview:
            return self._marked(new_state)
        self.change(identifier, state, inputs)
        found = self.read(resource, identifier, new_state, inputs)
        return self._marked(new_state) if found is None else found.state

    def _foretold_labels(self, inputs: PropertyMap, state: PropertyMap) -> PropertyMap:
        if "pulumiLabels" not in self.schema.outputs:
            return {}
        return labels_of(inputs.get("labels"), state)

    def _marked(self, state: PropertyMap) -> PropertyMap:
        """The state with the outputs secret that the real plugin has as secrets."""
        secret = self.schema.secret_outputs
        return {
            name: Secret(value) if name in secret and not isinstance(value, Secret) else value
            for name, value in state.items()
        }


def parsed_id(identifier: str, form: str) -> Mapping[str, str]:
    """The parts of an id, such as of the form ``projects/{project}/roles/{roleId}``.

    Raises :class:`ProviderError` for an id of another form; short forms are not implemented.
    """
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", form)
    match = re.fullmatch(pattern, identifier)
    if match is None:
        raise ProviderError(f'Import id "{identifier}" doesn\'t match any of the accepted formats: [{form}]')
    return match.groupdict()


def _without_defaults(inputs: PropertyMap) -> PropertyMap:
    return {name: value for name, value in inputs.items() if name != DEFAULTS_KEY}


def _property_differences(
    declared: Property, old: PropertyValue, new: PropertyValue
) -> Sequence[tuple[tuple[str | int, ...], Kind]]:
    """What differs; Terraform doesn't tell an empty value from a missing one."""
    old, new = _present(old), _present(new)
    if new is None and (declared.computed or old in (None, False, 0)):
        return ()
    if old is not None and new is not None and not contains_unknown(new) and declared.equal(old, new):
        return ()
    return list(differences(old, new, (declared.name,)))


def _present(value: PropertyValue) -> PropertyValue:
    return None if isinstance(value, str | list | dict) and not value else value

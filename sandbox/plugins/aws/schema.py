"""The declared side of a bridged resource type: properties, defaults, validation, differences.

The real plugin is a bridge over the Terraform provider, whose schemas say of each property whether it is
required, what its default is, which values are valid and whether a change replaces the resource.
"""

import hashlib
import json
import re
import secrets
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from typing_extensions import override

from sandbox.plugins.aws.api import Aws
from sandbox.plugins.aws.policy_documents import equivalent as equivalent_policies
from sandbox.plugins.property_differences import Kind, differences, path_of, type_sensitive
from sandbox.plugins.property_values import UNKNOWN, PropertyMap, PropertyValue, Unknown, contains_unknown
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

PropertyKind = Literal["string", "boolean", "integer", "tags", "policy"]
Validator = Callable[[PropertyValue], str | None]
"""Says what is wrong with a value, after the property's name (``expected <name> ...``); ``None``: nothing."""
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
    computed: bool = False
    """AWS chooses a value where the program gives none, so a missing input is no change."""
    read_back: bool = True
    """Whether AWS tells the value; otherwise a refresh keeps what is recorded."""
    validators: tuple[Validator, ...] = ()
    same: Callable[[str, str], bool] | None = None
    """Whether two different texts mean the same."""

    @property
    def upstream_name(self) -> str:
        """The name in the Terraform provider: ``deletionWindowInDays`` is ``deletion_window_in_days``."""
        return re.sub(r"([A-Z])", lambda match: f"_{match.group(1).lower()}", self.name)

    def equal(self, old: PropertyValue, new: PropertyValue) -> bool:
        """Whether two known values mean the same."""
        if self.kind == "policy" and isinstance(old, str) and isinstance(new, str):
            return equivalent_policies(old, new)
        if self.same is not None and isinstance(old, str) and isinstance(new, str):
            return self.same(old, new)
        return type_sensitive(old) == type_sensitive(new)


@dataclass(frozen=True)
class Autonaming:
    """How a missing ``name`` is made: the resource's name, a dash and seven hexadecimal digits after
    ``prefix``.
    """

    maximum_length: int
    prefix: str = ""


@dataclass(frozen=True)
class Schema:
    """A resource type's properties. ``not_implemented`` are inputs that the real plugin has and this one
    refuses.
    """

    inputs: tuple[Property, ...]
    outputs: tuple[str, ...]
    not_implemented: frozenset[str] = frozenset()
    autonaming: Autonaming | None = None

    @property
    def by_name(self) -> Mapping[str, Property]:
        """The input properties by Pulumi's names."""
        return {declared.name: declared for declared in self.inputs}


class BridgedResourceType(ResourceType):
    """A resource type whose check and diff follow from its schema, and which talks to AWS for the rest."""

    schema: ClassVar[Schema]
    mirrored_inputs: ClassVar[Mapping[str, str]] = {"tagsAll": "tags"}

    def __init__(self, aws: Aws) -> None:
        self.aws = aws

    @abstractmethod
    def make(self, inputs: PropertyMap) -> Created:
        """Create the resource in AWS."""

    @abstractmethod
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """The state in AWS, without what AWS does not tell; ``None`` if there is no such resource."""

    @abstractmethod
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Bring the resource in AWS to new inputs."""

    def check_together(self, inputs: PropertyMap) -> Sequence[CheckFailure]:  # noqa: ARG002 - a hook
        """What is wrong with the inputs taken together; nothing by default."""
        return ()

    def replaced_together(self, state: PropertyMap, inputs: PropertyMap) -> frozenset[str]:  # noqa: ARG002
        """Properties whose change replaces the resource in this case only; none by default."""
        return frozenset()

    def check(self, resource: Resource, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Checked:
        """Refuse unknown and wrong properties, and fill in names and defaults."""
        failures: list[CheckFailure] = []
        inputs: PropertyMap = {}
        for name, value in new_inputs.items():
            declared = self.schema.by_name.get(name)
            if declared is not None:
                inputs[name] = value
                failures.extend(
                    CheckFailure(name, f"{reason}. Examine values at '{resource.name}.{name}'.")
                    for reason in _wrong(declared, value)
                )
            elif name in self.schema.not_implemented:
                failures.append(
                    CheckFailure(name, not_implemented("aws", f"the property {name} of {self.token}"))
                )
            else:
                failures.append(
                    CheckFailure(name, f"Invalid or unknown key. Examine values at '{resource.name}.{name}'.")
                )
        defaults = self._fill_in(resource, old_inputs, inputs)
        for declared in self.schema.inputs:
            if declared.required and inputs.get(declared.name) is None:
                failures.append(
                    CheckFailure(
                        declared.name,
                        f'Missing required argument. The argument "{declared.upstream_name}" is required, '
                        f"but no definition was found.. Examine values at '{resource.name}.{declared.name}'.",
                    )
                )
        failures.extend(self.check_together(inputs))
        inputs[DEFAULTS_KEY] = list[PropertyValue](sorted(defaults))
        return Checked(inputs, tuple(failures))

    def _fill_in(self, resource: Resource, old_inputs: PropertyMap, inputs: PropertyMap) -> set[str]:
        """Add defaults to the inputs; returns the names of those added."""
        defaults: set[str] = set()
        autonaming = self.schema.autonaming
        if autonaming is not None and "name" not in inputs:
            recorded = old_inputs.get(DEFAULTS_KEY)
            if isinstance(recorded, list) and "name" in recorded:
                inputs["name"] = old_inputs["name"]
            else:
                inputs["name"] = _autoname(resource, autonaming)
            defaults.add("name")
        for declared in self.schema.inputs:
            if declared.default is not None and declared.name not in inputs:
                inputs[declared.name] = declared.default
                defaults.add(declared.name)
        return defaults

    @override
    def diff(self, state: PropertyMap, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Difference:
        """Compare the recorded state with new inputs, property by property."""
        changes: dict[str, Change] = {}
        replaced_together = self.replaced_together(state, new_inputs)
        for declared in self.schema.inputs:
            replaces = declared.replaces or declared.name in replaced_together
            for path, kind in _property_differences(
                declared, state.get(declared.name), new_inputs.get(declared.name)
            ):
                changes[path] = Change(kind, replaces)
        recorded = new_inputs.get(DEFAULTS_KEY)
        own_name = (
            self.schema.autonaming is not None and isinstance(recorded, list) and "name" not in recorded
        )
        return Difference(
            changes,
            # Two resources of one name can't be there at once, so one that keeps a name of the program's own
            # choice has to make room first.
            delete_before_replace=own_name
            and any(change.replaces for change in changes.values())
            and state.get("name") == new_inputs.get("name"),
        )

    @override
    def create(self, resource: Resource, inputs: PropertyMap, *, preview: bool) -> Created:
        """Create the resource, or say what is known of it."""
        inputs = _without_defaults(inputs)
        if not preview:
            return self.make(inputs)
        state: PropertyMap = dict.fromkeys(self.schema.outputs, UNKNOWN)
        state.update((declared.name, UNKNOWN) for declared in self.schema.inputs if declared.computed)
        state.update(inputs)
        state.update(self._tags_all(inputs))
        return Created("", state)

    @override
    def read(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap
    ) -> Found | None:
        """Refresh: AWS's values, in the program's own words where they mean the same."""
        live = self.look(identifier, state)
        if live is None:
            return None
        importing = not inputs
        new_inputs: PropertyMap = {DEFAULTS_KEY: inputs.get(DEFAULTS_KEY, [])}
        for declared in self.schema.inputs:
            name = declared.name
            if not declared.read_back:
                recorded = state.get(name, declared.default)
                if recorded is not None:
                    live[name] = recorded
            elif name in state and name in live and declared.equal(state[name], live[name]):
                live[name] = state[name]
            given = inputs.get(name)
            current = live.get(name)
            if given is not None and current is not None:
                new_inputs[name] = given if declared.equal(given, current) else current
            elif importing and current not in (None, "", {}, declared.default):
                new_inputs[name] = current
        return Found(identifier, live, new_inputs)

    @override
    def update(
        self, resource: Resource, identifier: str, state: PropertyMap, inputs: PropertyMap, *, preview: bool
    ) -> PropertyMap:
        """Change the resource, or say what is known of the outcome."""
        inputs = _without_defaults(inputs)
        new_state: PropertyMap = {
            name: value
            for name, value in state.items()
            if name in inputs or name not in self.schema.by_name or self.schema.by_name[name].computed
        }
        new_state.update(inputs)
        new_state.update(self._tags_all(inputs))
        if not preview:
            self.change(identifier, state, inputs)
            return self.recorded(identifier, new_state)
        return new_state

    def recorded(self, identifier: str, inputs: PropertyMap) -> PropertyMap:
        """The state to record after an operation: what AWS tells, and of the rest what was asked for."""
        found = self.read(Resource(""), identifier, inputs, inputs)
        return inputs if found is None else found.state

    def _tags_all(self, inputs: PropertyMap) -> PropertyMap:
        return {"tagsAll": inputs.get("tags", {})} if "tagsAll" in self.schema.outputs else {}


def _without_defaults(inputs: PropertyMap) -> PropertyMap:
    return {name: value for name, value in inputs.items() if name != DEFAULTS_KEY}


def _autoname(resource: Resource, autonaming: Autonaming) -> str:
    """A name that is new for each resource, but the same in a preview and the update after it."""
    seed = resource.random_seed or secrets.token_bytes(16)
    digits = hashlib.sha256(seed + resource.urn.encode()).hexdigest()[:_AUTONAME_DIGITS]
    room = autonaming.maximum_length - len(autonaming.prefix) - len(digits) - 1
    return f"{autonaming.prefix}{resource.name[:room]}-{digits}"


def _property_differences(
    declared: Property, old: PropertyValue, new: PropertyValue
) -> Sequence[tuple[str, Kind]]:
    if new is None and (declared.computed or old in (None, "", False, 0, {})):
        return ()
    if old is not None and new is not None and not contains_unknown(new) and declared.equal(old, new):
        return ()
    if old == "" and not isinstance(new, Unknown):
        old = None
    return [(path_of((declared.name, *steps)), kind) for steps, kind in differences(old, new)]


_PYTHON_TYPES: Mapping[PropertyKind, tuple[type, str]] = {
    "string": (str, "string"),
    "policy": (str, "string"),
    "boolean": (bool, "bool"),
    "integer": (int, "int"),
    "tags": (dict, "map[string]string"),
}


def _wrong(declared: Property, value: PropertyValue) -> Sequence[str]:
    """What is wrong with the value of one property."""
    if isinstance(value, Unknown):
        return ()
    python_type, type_name = _PYTHON_TYPES[declared.kind]
    if not isinstance(value, python_type) or (declared.kind == "integer" and isinstance(value, bool)):
        return [f"expected type '{type_name}' for {declared.upstream_name}, got unconvertible type"]
    if isinstance(value, dict) and not all(isinstance(tag, str | Unknown) for tag in value.values()):
        return [f"expected every value of {declared.upstream_name} to be a string"]
    validators = (*declared.validators, is_policy) if declared.kind == "policy" else declared.validators
    reasons = (validator(value) for validator in validators)
    return [f"expected {declared.upstream_name} {reason}" for reason in reasons if reason is not None]


def is_policy(value: PropertyValue) -> str | None:
    """A policy is a JSON object; the real plugin refuses leading white space, as IAM does."""
    if not isinstance(value, str) or not value.startswith("{"):
        return "to be a JSON object (an IAM policy begins with {)"
    try:
        json.loads(value)
    except ValueError as error:
        return f"to be valid JSON: {error}"
    return None


def integer_between(minimum: int, maximum: int) -> Validator:
    """Validates a range, ends included."""

    def validate(value: PropertyValue) -> str | None:
        if isinstance(value, int) and minimum <= value <= maximum:
            return None
        return f"to be in the range ({minimum} - {maximum}), got {value}"

    return validate


def length_between(minimum: int, maximum: int) -> Validator:
    """Validates the length of a text, ends included."""

    def validate(value: PropertyValue) -> str | None:
        if isinstance(value, str) and minimum <= len(value) <= maximum:
            return None
        return f"to be of length ({minimum} - {maximum}), got {value}"

    return validate


def matching(pattern: str, meaning: str) -> Validator:
    """Validates a text by a regular expression for the whole of it."""
    compiled = re.compile(pattern)

    def validate(value: PropertyValue) -> str | None:
        if isinstance(value, str) and compiled.fullmatch(value):
            return None
        return f"{meaning}, got {value}"

    return validate


def only(supported: PropertyValue, token: str) -> Validator:
    """Refuses every value but one, of a property that is implemented for that value only."""

    def validate(value: PropertyValue) -> str | None:
        if type_sensitive(value) == type_sensitive(supported):
            return None
        return f"to be {supported}, got {value}: {not_implemented('aws', f'another value for {token}')}"

    return validate

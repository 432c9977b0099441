"""Describes what a rule gets to see, and what a rule is, without any SDK of Pulumi."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final


class Unknown:
    """A value that a preview doesn't have yet."""


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Resource:
    """One resource of the stack, as the engine is asked for it or as the state will have it."""

    type: str
    """Type token, such as ``aws:kms/key:Key``."""
    name: str
    """Name in the program, which may be printed."""
    properties: Mapping[str, Any]
    """Inputs (before a resource is created) or outputs (of the whole stack), secrets in plain text."""
    protected: bool
    """Whether the engine refuses to replace or delete it."""

    def value(self, *path: str) -> Any:
        """Return the property at that path: None if there is none, UNKNOWN if a preview can't know it."""
        return value_at(self.properties, *path)


@dataclass(frozen=True)
class Circumstances:
    """What a rule judges by, besides the resources."""

    stack: str
    """Name of the stack."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The rule's own options, with their defaults."""

    @property
    def production(self) -> bool:
        """Whether the name of the stack is one of a stack for production."""
        return any(fnmatchcase(self.stack, pattern) for pattern in self.options["productionStacks"])


@dataclass(frozen=True)
class Rule:
    """What all rules have. No text of a rule, and nothing that it reports, has a property's value in it."""

    name: str
    description: str
    """One sentence that says how it should be."""
    fix: str
    """What to set, or where to read what to do."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The schemas of its options by name, each with a default."""

    def circumstances(self, stack: str, given: Mapping[str, Any]) -> Circumstances:
        """Return the circumstances for the options that a person has given."""
        defaults = {name: schema["default"] for name, schema in self.options.items()}
        return Circumstances(stack, {**defaults, **given})


@dataclass(frozen=True)
class ResourceRule(Rule):
    """A rule on each resource by itself, judged before the engine creates or changes it."""

    judge: Callable[[Resource, Circumstances], Sequence[str]] = field(kw_only=True)
    """Returns what is wrong."""


@dataclass(frozen=True)
class StackRule(Rule):
    """A rule on what the whole stack has, judged at the end of a preview and of an update."""

    judge: Callable[[Sequence[Resource], Circumstances], Sequence[str]] = field(kw_only=True)
    """Returns what is wrong."""


def value_at(value: Any, *path: str) -> Any:
    """Return what is at the path in nested maps: None if nothing is, UNKNOWN if that can't be known yet."""
    for key in path:
        if isinstance(value, Unknown):
            return value
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def entries(value: Any) -> Sequence[Any]:
    """Return the entries of a list, and anything else that isn't empty as the only one."""
    if value is None or isinstance(value, Unknown):
        return ()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    return (value,)

"""A group of values that people set for one purpose, and whether it is found in what the program makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Rendered = Mapping[tuple[str, str], Any]


@dataclass(frozen=True)
class ExpressibleGroup:
    """Values that settings can say."""

    values: Sequence[str]
    """Paths of the values, or names in Vault's configuration, as docs/values-files.md has them."""
    files: int
    settings: Mapping[str, Any]
    """The settings of a stack on EKS that say it, beside those that every stack has."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """What the chart is given then: what such a file has, too."""
    configuration: str = ""
    """What Vault's configuration has then; indentation doesn't count."""
    rendered: Rendered = field(default_factory=dict)
    """Parts of the objects that the chart makes of it, by kind and name; empty if it is configuration."""
    not_in_sandbox: str = ""
    """A value that the sandbox's chart doesn't implement; empty if it renders the group."""


@dataclass(frozen=True)
class OtherGroup:
    """Values that no setting can say."""

    values: Sequence[str]
    files: int
    settings: Mapping[str, Any]
    """What somebody would try."""
    message: str
    """Part of the problem that this is refused with."""
    by_design: bool
    """Whether that is a decision; else something is missing."""


def pod(**fields: Any) -> Mapping[str, Any]:
    """Return a workload with these fields of its pods."""
    return {"spec": {"template": {"spec": fields}}}


def container(**fields: Any) -> Mapping[str, Any]:
    """Return a workload with these fields of a container."""
    return pod(containers=[fields])


def chart(**values: Any) -> Mapping[str, Any]:
    """Return the setting for values that have no setting of their own."""
    return {"chart": {"values": values}}


def holds(found: Any, part: Any) -> bool:
    """Return whether a value has all of the other one: objects deeply, lists by one item for each."""
    if isinstance(part, Mapping):
        return isinstance(found, Mapping) and all(
            name in found and holds(found[name], inner) for name, inner in part.items()
        )
    if isinstance(part, list):
        return isinstance(found, list) and all(any(holds(item, inner) for item in found) for inner in part)
    return bool(found == part)


def holds_lines(configuration: str, part: str) -> bool:
    """Return whether a configuration has these lines together, whatever their indentation."""
    lines, wanted = ([line.strip() for line in text.strip().splitlines()] for text in (configuration, part))
    return any(lines[first : first + len(wanted)] == wanted for first in range(len(lines)))

"""Finds names in a user's chart values that the chart doesn't have.

Helm passes unknown values on in silence, and the official chart's schema allows them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from components.near_names import near_name


def unknown_names(values: Mapping[str, Any], default_values: str) -> Sequence[str]:
    """Return a problem for each name that isn't in the chart's default values.

    ``default_values`` is the text of the chart's ``values.yaml``. Names that are commented out there count,
    as the chart documents optional values so. Below a default that is empty or isn't an object every name is
    taken: the chart hands it on to Kubernetes.
    """
    document = yaml.compose(default_values, Loader=yaml.CSafeLoader)
    if not isinstance(document, yaml.MappingNode):
        return []
    return list(_unknown(values, document, default_values.splitlines(), 0, ""))


def _unknown(
    values: Mapping[str, Any], section: yaml.MappingNode, lines: Sequence[str], first: int, path: str
) -> Iterator[str]:
    """Yield a problem for each unknown name; ``first`` is the index of the section's first line."""
    known = {str(name.value): (name.start_mark.line, inner) for name, inner in section.value}
    for name, value in values.items():
        if name in known:
            line, inner = known[name]
            if isinstance(inner, yaml.MappingNode) and inner.value and isinstance(value, Mapping):
                yield from _unknown(value, inner, lines, line, f"{path}{name}.")
        else:
            commented = _commented(lines[first : section.end_mark.line + 1])
            if name not in commented:
                yield _problem(path, name, [*known, *commented], list(_beneath(section, name, path)))


def _commented(lines: Sequence[str]) -> Sequence[str]:
    """Return the names that are commented out in these lines."""
    text = "\n".join(lines)
    return re.findall(r"^\s*# ?([A-Za-z][A-Za-z0-9]*):(?:\s|$)", text, re.MULTILINE)


def _beneath(section: yaml.MappingNode, name: str, path: str) -> Iterator[str]:
    """Yield the paths of the values with this name in the sections of this one."""
    for key, inner in section.value:
        if key.value == name:
            yield f"{path}{name}"
        if isinstance(inner, yaml.MappingNode):
            yield from _beneath(inner, name, f"{path}{key.value}.")


def _problem(path: str, name: str, known: Sequence[str], beneath: Sequence[str]) -> str:
    near = near_name(name, known)
    # Of several nobody knows which one is meant.
    where = f"{path}{near}" if near else "".join(beneath) if len(beneath) == 1 else ""
    meant = f"; did you mean {where}?" if where else ""
    return f"{path}{name} isn't a value of this chart{meant}"

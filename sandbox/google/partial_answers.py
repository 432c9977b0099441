"""Partial answers: the parameter `fields` of Google's APIs.

https://cloud.google.com/kms/docs/reference/rest#partial-response has the syntax; here is the part of it that
Google's provider uses.
"""

import re
from collections.abc import Sequence

from sandbox.google.api_errors import GoogleError, JsonObject, not_implemented

_PATHS = re.compile(r"\w+(?:/\w+)*(?:,\w+(?:/\w+)*)*")


def partial_answer(answer: JsonObject, fields: str) -> JsonObject:
    """Return what the fields select, such as ``services/name,nextPageToken``.

    Raises GoogleError (UNIMPLEMENTED) for other forms, with parentheses or a star.
    """
    if not _PATHS.fullmatch(fields):
        raise not_implemented(f"The parameter fields={fields}")
    selected: JsonObject = {}
    for path in fields.split(","):
        _select(answer, path.split("/"), selected)
    return selected


def _select(source: JsonObject, path: Sequence[str], target: JsonObject) -> None:
    name, below = path[0], path[1:]
    if name not in source:
        return
    value = source[name]
    if not below:
        target[name] = value
    elif isinstance(value, dict):
        _select(value, below, target.setdefault(name, {}))
    elif isinstance(value, list):
        for entry, selected in zip(value, target.setdefault(name, [{} for _ in value]), strict=True):
            _select(entry, below, selected)
    else:
        raise GoogleError("INVALID_ARGUMENT", f"Invalid field selection {'/'.join(path)}")

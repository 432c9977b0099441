"""What makes an input valid, in the words of the Terraform provider's validators."""

import re
from collections.abc import Callable

from sandbox.plugins.property_differences import type_sensitive
from sandbox.plugins.property_values import PropertyValue
from sandbox.plugins.provider import not_implemented

Validator = Callable[[str, PropertyValue], str | None]
"""Tells what is wrong with the value of a property (named as Terraform does); ``None``: nothing."""


def integer_between(minimum: int, maximum: int) -> Validator:
    """Validate a range, ends included."""

    def validate(name: str, value: PropertyValue) -> str | None:
        if isinstance(value, int) and minimum <= value <= maximum:
            return None
        return f"expected {name} to be in the range ({minimum} - {maximum}), got {value}"

    return validate


def length_between(minimum: int, maximum: int) -> Validator:
    """Validate the length of a text, ends included."""

    def validate(name: str, value: PropertyValue) -> str | None:
        if isinstance(value, str) and minimum <= len(value) <= maximum:
            return None
        return f"expected length of {name} to be in the range ({minimum} - {maximum}), got {value}"

    return validate


def matching(pattern: str, meaning: str | None = None) -> Validator:
    """Validate a text by a regular expression for the whole of it; ``meaning`` says it in words."""
    compiled = re.compile(pattern)

    def validate(name: str, value: PropertyValue) -> str | None:
        if isinstance(value, str) and compiled.fullmatch(value):
            return None
        if meaning is not None:
            return f"expected {name} {meaning}, got {value}"
        return f'"{name}" ("{value}") doesn\'t match regexp "^{pattern}$"'

    return validate


def one_of(*choices: str) -> Validator:
    """Validate a text by the list of all that it can be."""

    def validate(name: str, value: PropertyValue) -> str | None:
        if value in choices:
            return None
        listed = " ".join(f'"{choice}"' for choice in choices)
        return f"expected {name} to be one of [{listed}], got {value}"

    return validate


def only(supported: PropertyValue, package: str) -> Validator:
    """Refuse every value but one, of a property that the stand-in for ``package`` has for that value only."""

    def validate(name: str, value: PropertyValue) -> str | None:
        if type_sensitive(value) == type_sensitive(supported):
            return None
        return f"expected {name} to be {supported}, got {value}: {not_implemented(package, 'another value')}"

    return validate

"""Typed reading of Pulumi configuration that gathers every problem instead of stopping at the first."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, overload

import pulumi
from pulumi.runtime import config as runtime_config

Text = TypeVar("Text", bound=str)

# What was written as 1.20 is 1.2 by now, so it can't be taken for the text that was meant.
QUOTE = "put it in quotes, as YAML reads it as a number and drops zeros at its end"

_MISSING_OBJECT: Mapping[str, Any] = {}


def project_configuration() -> Mapping[str, str]:
    """The stack's configuration under the project's own namespace, by key without the namespace.

    Pulumi's ``Config`` only answers for keys that are asked for; the runtime's table is the one
    place that knows which keys exist, and with it a misspelt key can be told from an absent one.
    """
    prefix = f"{pulumi.get_project()}:"
    return {
        key.removeprefix(prefix): value
        for key, value in runtime_config.CONFIG.get().items()
        if key.startswith(prefix)
    }


class ConfigReader:
    """Reads one level of settings: the namespace itself, or the object behind one of its keys.

    Every method takes the key and returns a value of the asked type; a value that is wrong is
    reported into ``problems`` and answered with a stand-in of the right type, so that reading can go on and
    name all problems at once. ``unknown_keys`` must be called last.
    """

    def __init__(
        self, values: Mapping[str, Any], problems: list[str], *, path: str, secret: bool = False
    ) -> None:
        self._values = values
        self._problems = problems
        self._path = path
        self._secret = secret
        self._asked: set[str] = set()

    def name(self, key: str) -> str:
        """The full name of a key, as the stack's configuration has it."""
        separator = ":" if ":" not in self._path else "."
        return f"{self._path}{separator}{key}"

    def has(self, key: str) -> bool:
        """Whether the key is set, be it to nothing."""
        return key in self._values

    def report(self, key: str, fix: str) -> None:
        """Reports the value of ``key`` as wrong."""
        shown = "not set"
        if key in self._values:
            hidden = self._secret or runtime_config.is_config_secret(self.name(key))
            shown = "a secret value" if hidden else json.dumps(self._values[key])
        self._problems.append(f"{self.name(key)} is {shown}: {fix}")

    def _take(self, key: str) -> Any:
        self._asked.add(key)
        return self._values.get(key)

    @overload
    def text(
        self, key: str, default: str, pattern: str = ..., fix: str = ..., max_length: int = ...
    ) -> str: ...
    @overload
    def text(
        self, key: str, default: None, pattern: str = ..., fix: str = ..., max_length: int = ...
    ) -> str | None: ...
    def text(
        self,
        key: str,
        default: str | None,
        pattern: str = r".+",
        fix: str = "give a text that isn't empty",
        max_length: int = 2048,
    ) -> str | None:
        """A text that matches ``pattern`` as a whole, or the default where the key is absent."""
        value = self._take(key)
        if value is None and not self.has(key):
            return default
        # YAML reads an unquoted 12 as a number, and Pulumi hands it on as such inside objects.
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, float):
            fix = QUOTE
        if not isinstance(value, str) or not re.fullmatch(pattern, value) or len(value) > max_length:
            self.report(key, fix)
            return default
        return value

    def required_text(self, key: str, pattern: str, fix: str) -> str:
        """As :meth:`text`, but the key has to be there."""
        if not self.has(key):
            self._asked.add(key)
            self.report(key, fix)
            return ""
        return self.text(key, "", pattern, fix)

    def choice(self, key: str, default: Text, choices: Sequence[Text], fix: str) -> Text:
        """One of a few words."""
        value = self._take(key)
        if not self.has(key):
            return default
        for choice in choices:
            if choice == value:
                return choice
        self.report(key, f"use {_alternatives(choices)}; {fix}")
        return default

    def integer(self, key: str, default: int, allowed: Sequence[int], fix: str) -> int:
        """A whole number out of ``allowed`` (a range or a list)."""
        value = self._take(key)
        if not self.has(key):
            return default
        number = value if isinstance(value, int) and not isinstance(value, bool) else None
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value):
            number = int(value)
        if number is None or number not in allowed:
            self.report(key, fix)
            return default
        return number

    def flag(self, key: str, default: bool) -> bool:
        """``true`` or ``false``."""
        value = self._take(key)
        if not self.has(key):
            return default
        if isinstance(value, str) and value in ("true", "false"):
            return value == "true"
        if not isinstance(value, bool):
            self.report(key, "use true or false")
            return default
        return value

    def mapping(self, key: str) -> Mapping[str, Any]:
        """An object of any shape, such as Kubernetes resources; empty where absent."""
        return self._object(key) or {}

    def text_mapping(self, key: str, key_pattern: str, fix: str) -> Mapping[str, str]:
        """An object whose keys match ``key_pattern`` and whose values are texts."""
        result: dict[str, str] = {}
        for name, value in (self._object(key) or {}).items():
            if isinstance(value, bool):
                value = "true" if value else "false"
            elif isinstance(value, int):
                value = str(value)
            elif isinstance(value, float):
                self.report(key, f"entry {name!r}: {QUOTE}")
                continue
            if not isinstance(value, str) or not re.fullmatch(key_pattern, name):
                self.report(key, f"entry {name!r}: {fix}")
                continue
            result[name] = value
        return result

    def texts(self, key: str, fix: str) -> Sequence[str]:
        """A list of texts that aren't empty; empty where absent."""
        value = self._take(key)
        if not self.has(key):
            return ()
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except json.JSONDecodeError:
                value = None
        if not isinstance(value, list) or not all(isinstance(entry, str) and entry for entry in value):
            self.report(key, fix)
            return ()
        return tuple(value)

    def section(self, key: str) -> "ConfigReader":
        """The object behind ``key``, to be read with the same methods; empty where absent."""
        secret = self._secret or runtime_config.is_config_secret(self.name(key))
        values = self._object(key) or _MISSING_OBJECT
        return ConfigReader(values, self._problems, path=self.name(key), secret=secret)

    def not_applicable(self, keys: Sequence[str], reason: str) -> None:
        """Reports those of ``keys`` that are set though nothing would read them."""
        for key in keys:
            self._asked.add(key)
            if self.has(key):
                self.report(key, reason)

    def secret(self, key: str, fix: str) -> None:
        """Reports ``key`` where it is plain text in the configuration; its value is read by other means."""
        self._asked.add(key)
        if self.has(key) and not runtime_config.is_config_secret(self.name(key)):
            self._problems.append(f"{self.name(key)} is in plain text: {fix}")

    def skip(self, key: str) -> None:
        """Counts ``key`` as known, where it is read by other means."""
        self._asked.add(key)

    def unread_keys(self) -> Sequence[str]:
        """The keys that are set and that nothing has asked for so far."""
        return [key for key in self._values if key not in self._asked]

    def unknown_keys(self) -> None:
        """Reports every key that nothing asked for: a typo must not be silence."""
        for key in self.unread_keys():
            close = difflib.get_close_matches(key, self._asked, n=1)
            meant = f"did you mean {close[0]}? " if close else ""
            known = ", ".join(sorted(self._asked))
            self.report(key, f"there is no such setting; {meant}Known here are {known}")

    def _object(self, key: str) -> Mapping[str, Any] | None:
        value = self._take(key)
        if not self.has(key):
            return None
        parsed = _parse_object(value)
        if parsed is None:
            self.report(key, "give an object (nested keys)")
        return parsed


def _parse_object(value: Any) -> Mapping[str, Any] | None:
    """Pulumi hands a nested configuration value on as JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return None
    return value if isinstance(value, dict) else None


def _alternatives(words: Sequence[str]) -> str:
    return " or ".join(words)

"""Reads Pulumi configuration with types, and collects every problem instead of stopping at the first."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar, overload

from pulumi.runtime import config as runtime_config

from components.near_names import near_name

Text = TypeVar("Text", bound=str)

# What was written as 1.20 is 1.2 by now, so it can't be taken for the text that was meant.
QUOTE = "put it in quotes, as YAML reads it as a number and drops zeros at its end"

_MISSING_OBJECT: Mapping[str, Any] = {}


def configuration_of(namespace: str) -> Mapping[str, str]:
    """Return the stack's configuration in a namespace, such as a provider's, keyed without the namespace.

    Pulumi's ``Config`` only answers for keys that are asked for. The runtime's table alone knows which keys
    exist, and so tells a misspelt key from an absent one.
    """
    prefix = f"{namespace}:"
    return {
        key.removeprefix(prefix): value
        for key, value in runtime_config.CONFIG.get().items()
        if key.startswith(prefix)
    }


class ConfigReader:
    """Reads one level of settings: the namespace itself, or the object behind one of its keys.

    Every method takes the key and returns a value of its type. A wrong value is added to ``problems``, and a
    default of the right type is returned instead, so that reading goes on and all problems are reported at
    once. Call ``unknown_keys`` last.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        problems: list[str],
        *,
        path: str,
        secret: bool = False,
        hides_values: bool = False,
    ) -> None:
        self._values = values
        self._problems = problems
        self._path = path
        self._secret = secret
        self._hides_values = hides_values
        self._asked: set[str] = set()

    def hiding_values(self) -> "ConfigReader":
        """Return a reader of the same level that reports no value, for settings that may be credentials."""
        return ConfigReader(
            self._values, self._problems, path=self._path, secret=self._secret, hides_values=True
        )

    def name(self, key: str) -> str:
        """Return the full name of a key, as it is in the stack's configuration."""
        separator = ":" if ":" not in self._path else "."
        return f"{self._path}{separator}{key}"

    def has(self, key: str) -> bool:
        """Return whether the key is set, even if its value is null."""
        return key in self._values

    def is_secret(self, key: str) -> bool:
        """Return whether the value of ``key``, or a part of it, is a secret in the stack's configuration."""
        return self._secret or runtime_config.is_config_secret(self.name(key))

    def report(self, key: str, fix: str) -> None:
        """Report the value of ``key`` as wrong; ``fix`` says what to set instead."""
        self._problems.append(f"{self.name(key)} is {self._shown(key)}: {fix}")

    def report_inside(self, key: str, text: str) -> None:
        """Report something inside the value of ``key``, whose path ``text`` begins with."""
        self._problems.append(f"{self.name(key)}.{text}")

    def _shown(self, key: str) -> str:
        if key not in self._values:
            return "not set"
        if self.is_secret(key):
            return "a secret value"
        return "set" if self._hides_values else json.dumps(self._values[key])

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
        """Return a text that matches ``pattern`` as a whole, or the default if the key is absent."""
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
        """Return a text like :meth:`text`, and report the key if it is absent."""
        if not self.has(key):
            self._asked.add(key)
            self.report(key, fix)
            return ""
        return self.text(key, "", pattern, fix)

    def choice(self, key: str, default: Text, choices: Sequence[Text], fix: str) -> Text:
        """Return one of ``choices``."""
        value = self._take(key)
        if not self.has(key):
            return default
        for choice in choices:
            if choice == value:
                return choice
        self.report(key, f"use {_alternatives(choices)}; {fix}")
        return default

    def integer(self, key: str, default: int, allowed: Sequence[int], fix: str) -> int:
        """Return a whole number that is in ``allowed`` (a range or a list)."""
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
        """Return ``true`` or ``false``."""
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
        """Return an object of any shape, such as Kubernetes resources; empty if absent."""
        return self._object(key) or {}

    def text_mapping(self, key: str, key_pattern: str, fix: str) -> Mapping[str, str]:
        """Return an object whose keys match ``key_pattern`` and whose values are texts; empty if absent."""
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
        """Return a list of texts that aren't empty; an empty list if absent."""
        entries = self._list(key)
        if entries is None or not all(isinstance(entry, str) and entry for entry in entries):
            self.report(key, fix)
            return ()
        return tuple(entries)

    def sections(self, key: str, fix: str, *, required: bool = False) -> "Sequence[ConfigReader]":
        """Return a reader of each object in the list behind ``key``; none if absent, unless ``required``."""
        entries = self._list(key)
        missing = required and not entries
        if entries is None or missing or not all(isinstance(entry, dict) for entry in entries):
            self.report(key, fix)
            return ()
        return [self._inner(key, entry, f"[{index}]") for index, entry in enumerate(entries)]

    def section(self, key: str) -> "ConfigReader":
        """Return a reader of the object behind ``key``; of an empty object if absent."""
        return self._inner(key, self._object(key) or _MISSING_OBJECT)

    def _inner(self, key: str, values: Mapping[str, Any], index: str = "") -> "ConfigReader":
        return ConfigReader(
            values,
            self._problems,
            path=f"{self.name(key)}{index}",
            secret=self.is_secret(key),
            hides_values=self._hides_values,
        )

    def not_applicable(self, keys: Sequence[str], reason: str) -> None:
        """Report those of ``keys`` that are set although they would have no effect."""
        for key in keys:
            self._asked.add(key)
            if self.has(key):
                self.report(key, reason)

    def secret(self, key: str, fix: str) -> None:
        """Report ``key`` if its value is plain text in the configuration; the value isn't read here."""
        self._asked.add(key)
        if self.has(key) and not runtime_config.is_config_secret(self.name(key)):
            self._problems.append(f"{self.name(key)} is in plain text: {fix}")

    def skip(self, key: str) -> None:
        """Mark ``key`` as known; its value is read by other means."""
        self._asked.add(key)

    def unread_keys(self) -> Sequence[str]:
        """Return the keys that are set and haven't been read so far."""
        return [key for key in self._values if key not in self._asked]

    def unknown_keys(self) -> None:
        """Report every key that was never read, such as a misspelt one."""
        for key in self.unread_keys():
            near = _nearest(key, self._asked)
            meant = f"did you mean {near}? " if near else ""
            known = ", ".join(sorted(self._asked))
            self.report(key, f"there is no such setting; {meant}Known here are {known}")

    def _list(self, key: str) -> Sequence[Any] | None:
        """Return the list behind ``key``, empty if absent; None if it is anything else."""
        value = self._take(key)
        if not self.has(key):
            return ()
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except json.JSONDecodeError:
                return None
        return value if isinstance(value, list) else None

    def _object(self, key: str) -> Mapping[str, Any] | None:
        value = self._take(key)
        if not self.has(key):
            return None
        parsed = _parse_object(value)
        if parsed is None:
            self.report(key, "give an object (nested keys)")
        return parsed


def _nearest(key: str, known: Collection[str]) -> str:
    """Return the known name that differs in a letter or two, or begins with the key; empty if none does."""
    longer = sorted(name for name in known if name.startswith(key))
    return near_name(key, known) or next(iter(longer), "")


def _parse_object(value: Any) -> Mapping[str, Any] | None:
    """Return the object that Pulumi hands on as JSON text; None if it is anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return None
    return value if isinstance(value, dict) else None


def _alternatives(choices: Sequence[str]) -> str:
    return " or ".join(choices)

"""The section `custody` of a stack's settings, read by a store."""

from collections.abc import Mapping
from typing import Any, TypeVar

from components.config.reader import ConfigReader
from components.custody.key_store import KeyStore

AnyStore = TypeVar("AnyStore", bound=KeyStore)


def read_store(kind: type[AnyStore], section: Mapping[str, Any]) -> tuple[AnyStore, list[str]]:
    """The store, and what is wrong with its settings."""
    problems: list[str] = []
    return kind.from_settings(ConfigReader(section, problems, path="vault-autounseal:custody")), problems

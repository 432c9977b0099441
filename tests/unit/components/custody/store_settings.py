"""The section `custody` of a stack's settings, read by a store."""

from collections.abc import Mapping
from typing import Any, TypeVar

from components.custody.key_store import KeyStore
from components.settings.reader import SettingsReader

AnyStore = TypeVar("AnyStore", bound=KeyStore)


def read_store(kind: type[AnyStore], section: Mapping[str, Any]) -> tuple[AnyStore, list[str]]:
    """The store, and what is wrong with its settings."""
    problems: list[str] = []
    return kind.from_settings(SettingsReader(section, problems, path="vault-autounseal:custody")), problems

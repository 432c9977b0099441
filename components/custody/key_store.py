"""What a store of keys has to do. A further one is a file in `stores/` with a class ``Store``."""

import base64
import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from components.custody.key_record import KeyRecord, KeyRecordError
from components.errors import DeploymentError
from components.kubernetes.kubectl import KubernetesTarget

if TYPE_CHECKING:
    # At run time the settings need this module.
    from components.config.reader import ConfigReader

STORES = "components.custody.stores"


class KeyStoreError(DeploymentError):
    """The store refused, or holds what it should not; another try gets the same answer."""


class KeyStoreUnavailableError(KeyStoreError):
    """The store can't be reached or can't answer now; worth another try."""


@dataclass(frozen=True)
class KeyReference:
    """Where a record lies; tells nothing of the keys, so it may be a plain output."""

    location: str
    """For a person: an ARN, a path, a namespace and name."""
    version: str
    """Version of the record in the store, as the store names it; empty where it has none."""


@dataclass(frozen=True)
class KeyStore(ABC):
    """A place for one :class:`KeyRecord`.

    A subclass is a frozen dataclass whose fields are its settings (texts, whole numbers, flags and tuples
    of them): they travel in the inputs of the dynamic resources, in plain text.
    """

    @classmethod
    @abstractmethod
    def from_settings(cls, reader: "ConfigReader") -> Self:
        """Reads the section `custody`, but for `custody.store`, and reports what is wrong in it."""

    @property
    @abstractmethod
    def location(self) -> str:
        """Where the record lies or will lie, for a person."""

    @abstractmethod
    def probe(self, target: KubernetesTarget) -> None:
        """Writes something harmless under the rules of the final name, reads it back and deletes it.

        Raises :class:`KeyStoreError` where any of the three can't be done. Leaves a record that lies there
        untouched. ``target`` is the cluster that Vault runs on, for stores that live in it.
        """

    @abstractmethod
    def read(self, target: KubernetesTarget) -> KeyRecord | None:
        """The record that lies there, None where none does; raises :class:`KeyStoreError`."""

    @abstractmethod
    def write(self, record: KeyRecord, target: KubernetesTarget) -> KeyReference:
        """Puts the record there in place of an older one, as a whole or not at all.

        Returns once it is durable (acknowledged by the service, or synced to disk). Raises
        :class:`KeyStoreError`; no message holds anything of the record.
        """


def store_class(name: str) -> type[KeyStore]:
    """The class of the store with that name; raises :class:`KeyStoreError` where there is none.

    A name without a dot is a module in `components/custody/stores` (dashes for underscores); one with a dot
    is a module that Python can import from the program's folder.
    """
    module_name = name if "." in name else f"{STORES}.{name.replace('-', '_')}"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise KeyStoreError(f"there is no store {name!r} (module {module_name})") from None
    found = getattr(module, "Store", None)
    if not isinstance(found, type) or not issubclass(found, KeyStore):
        raise KeyStoreError(f"module {module_name} has no class Store that derives from KeyStore")
    return found


def store_to_properties(name: str, store: KeyStore) -> dict[str, Any]:
    """As a resource's property."""
    return {"store": name, "options": asdict(store)}


def store_from_properties(properties: Mapping[str, Any]) -> KeyStore:
    """From a resource's property."""
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in properties["options"].items()
    }
    return store_class(str(properties["store"]))(**options)


_SHORTEST_PIECE = 12


def stored_record(text: str, location: str) -> KeyRecord:
    """The record that lies at ``location``; raises :class:`KeyStoreError` where it is something else."""
    try:
        return KeyRecord.from_json(text)
    except KeyRecordError as error:
        raise KeyStoreError(
            f"What lies in {location} isn't a record of keys: {error}. It was left untouched; "
            "name another place, or move it away if it isn't needed."
        ) from None


def without_secrets(message: str, record: KeyRecord) -> str:
    """``message``, or a sentence in its place where it repeats a piece of the record.

    A service may quote what it was sent: an API server a body that it can't read, an admission webhook the
    object that it refuses, each as it came or in base64.
    """
    text = record.to_json()
    secrets = [*record.shares, record.root_token, base64.b64encode(text.encode()).decode()]
    if any(piece in message for secret in secrets for piece in _pieces(secret)):
        return "(the answer repeats a piece of the keys and isn't shown)"
    return message


def _pieces(secret: str) -> list[str]:
    last = len(secret) - _SHORTEST_PIECE
    return [secret[start : start + _SHORTEST_PIECE] for start in range(last + 1)] or [secret] * bool(secret)

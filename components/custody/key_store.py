"""Declares the interface of a key store. A new one is a file in `stores/` with a class ``Store``."""

import base64
import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from components.custody.key_record import KeyRecord, KeyRecordError
from components.errors import DeploymentError
from components.kubernetes.kubectl import KubernetesTarget

if TYPE_CHECKING:
    # Only types need it; the provider host loads stores without the reader of settings.
    from components.config.reader import ConfigReader

STORES = "components.custody.stores"


class KeyStoreError(DeploymentError):
    """The store refused, or its content is wrong; a retry gets the same answer."""


class KeyStoreUnavailableError(KeyStoreError):
    """The store is unreachable or can't answer now; a retry may help."""


@dataclass(frozen=True)
class KeyReference:
    """The place of a record; not secret, so it may be a plain output."""

    location: str
    """For messages: an ARN, a path, a namespace and name."""
    version: str
    """Version of the record in the store, as the store names it; empty if it has none."""


@dataclass(frozen=True)
class KeyStore(ABC):
    """A store of one :class:`KeyRecord`.

    A subclass is a frozen dataclass whose fields are its settings (texts, whole numbers, flags and tuples of
    them): they are part of the inputs of the dynamic resources, in plain text.
    """

    largest_record_bytes: ClassVar[int | None] = None
    """What the store takes; None if every record fits."""

    @classmethod
    @abstractmethod
    def from_settings(cls, reader: "ConfigReader") -> Self:
        """Read the section `custody`, except for `custody.store`, and report what is wrong in it."""

    @property
    def options(self) -> Mapping[str, object]:
        """The settings as the inputs of the dynamic resources have them: all fields, unless overridden."""
        return asdict(self)

    @property
    @abstractmethod
    def location(self) -> str:
        """The place of the record, for messages."""

    @property
    def place(self) -> Mapping[str, object]:
        """The settings that tell where the record is, by name; they can't change once it is there.

        All settings, unless the store says that some may change: who may read the record, or the way to it.
        """
        return asdict(self)

    @abstractmethod
    def probe(self, target: KubernetesTarget) -> None:
        """Write a harmless value under the access rules of the final name, read it back and delete it.

        Raises :class:`KeyStoreError` if any of the three fails. Leaves an existing record untouched.
        ``target`` is the cluster that Vault runs on, for stores in it.
        """

    @abstractmethod
    def read(self, target: KubernetesTarget) -> KeyRecord | None:
        """Return the stored record, None if there is none; raise :class:`KeyStoreError`."""

    def earlier(self, version: str, target: KubernetesTarget) -> Iterator[KeyRecord]:  # noqa: ARG002
        """Yield the records that the store still has from before the present one, as a restore needs them.

        ``version`` is one that is wanted above all, as :class:`KeyReference` names it; empty if none is.
        By default there are none. Raises :class:`KeyStoreError`.
        """
        yield from ()

    @abstractmethod
    def write(self, record: KeyRecord, target: KubernetesTarget) -> KeyReference:
        """Store the record in place of an older one, as a whole or not at all.

        Returns once it is durable (acknowledged by the service, or synced to disk). Raises
        :class:`KeyStoreError`; no message holds anything of the record.
        """

    def record_text(self, record: KeyRecord) -> str:
        """Return what the store keeps of the record; raise :class:`KeyStoreError` if it is too long."""
        text = record.to_json()
        if self.largest_record_bytes is not None and len(text.encode()) > self.largest_record_bytes:
            raise KeyStoreError(
                f"The {self.location} takes {self.largest_record_bytes} bytes, and the record is longer: use "
                "fewer shares, or smaller PGP keys."
            )
        return text


def store_class(name: str) -> type[KeyStore]:
    """Return the class of the store with that name; raise :class:`KeyStoreError` if there is none.

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
    """Return the store as a resource's property."""
    return {"store": name, "options": dict(store.options)}


def store_from_properties(properties: Mapping[str, Any]) -> KeyStore:
    """Return the store that a resource's property holds."""
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in properties["options"].items()
    }
    return store_class(str(properties["store"]))(**options)


def moved_settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the names of the settings in which two properties `custody` differ about the record's place.

    The properties are those of :func:`store_to_properties`; an empty one is the state.
    """
    if old.get("store") != new.get("store"):
        return ["store"]
    if old == new:
        return []
    before, after = store_from_properties(old).place, store_from_properties(new).place
    return [name for name in after if before.get(name) != after[name]]


_SHORTEST_PIECE = 12
CLOUD_SECRET_BYTES = 65536
"""What AWS Secrets Manager and Google Secret Manager take."""

PROBE = "A trial of vault-autounseal, written before the init; not a record of keys."
"""What is written to a secret of a cloud for the probe."""


def stored_record(text: str, location: str) -> KeyRecord:
    """Return the record in ``text``, read from ``location``; raise :class:`KeyStoreError` if it isn't one."""
    try:
        return KeyRecord.from_json(text)
    except KeyRecordError as error:
        raise KeyStoreError(
            f"What lies in {location} isn't a record of keys: {error}. It was left untouched; "
            "name another place, or move it away if it isn't needed."
        ) from None


def without_secrets(message: str, record: KeyRecord) -> str:
    """Return ``message``, or a fixed sentence if it repeats a piece of the record.

    A service may quote its request: an API server a body that it can't read, an admission webhook the object
    that it refuses, verbatim or in base64.
    """
    text = record.to_json()
    secrets = [*record.shares, record.root_token, base64.b64encode(text.encode()).decode()]
    if any(piece in message for secret in secrets for piece in _pieces(secret)):
        return "(the answer repeats a piece of the keys and isn't shown)"
    return message


def _pieces(secret: str) -> list[str]:
    last = len(secret) - _SHORTEST_PIECE
    return [secret[start : start + _SHORTEST_PIECE] for start in range(last + 1)] or [secret] * bool(secret)

"""A store of keys that does what it is told to: a file, and a list of what goes wrong at the next writes.

The setting `custody.store` names this module in full; that is all that the program knows of it.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from components.config.reader import ConfigReader
from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyReference, KeyStore, KeyStoreError
from components.custody.stores import file
from components.kubernetes.kubectl import KubernetesTarget
from tests.end_to_end.faults import sessions

FAIL = "fail"
KILL_BEFORE = "kill before"
KILL_AFTER = "kill after"
WAIT = "wait"
"""Takes a while, in which another run can begin and find out that the stack is locked."""
WAIT_SECONDS = 5.0


@dataclass(frozen=True)
class Store(KeyStore):
    """A file; each write first takes one line off the orders, and obeys it."""

    path: str
    """Of the record."""
    orders: str
    """Path of the orders; where there is no such file, or no line left in it, writes just succeed."""

    @classmethod
    def from_settings(cls, reader: ConfigReader) -> Self:
        """Reads `custody.path` and `custody.orders`."""
        return cls(
            path=reader.required_text("path", r"/.+", "give an absolute path"),
            orders=reader.required_text("orders", r"/.+", "give an absolute path"),
        )

    @property
    def location(self) -> str:
        """The path."""
        return f"unreliable file {self.path}"

    def probe(self, target: KubernetesTarget) -> None:
        """As a file, always well."""
        file.Store(self.path).probe(target)

    def read(self, target: KubernetesTarget) -> KeyRecord | None:
        """As a file, always well."""
        return file.Store(self.path).read(target)

    def write(self, record: KeyRecord, target: KubernetesTarget) -> KeyReference:
        """As a file, with what the next order says on top."""
        order = self._next_order()
        if order == FAIL:
            raise KeyStoreError("the disk is full")
        if order == KILL_BEFORE:
            sessions.kill(os.getsid(0))
        if order == WAIT:
            time.sleep(WAIT_SECONDS)
        reference = file.Store(self.path).write(record, target)
        if order == KILL_AFTER:
            sessions.kill(os.getsid(0))
        return reference

    def _next_order(self) -> str:
        path = Path(self.orders)
        orders = path.read_text().splitlines() if path.exists() else []
        path.write_text("\n".join(orders[1:]))
        return orders[0] if orders else ""

"""Creates a key for the journal: random, stored in the stack's encrypted state.

Every stack has it, also if the journal is encrypted by the seal's key: what was encrypted with it before the
seal was migrated stays readable.
"""

import base64
import secrets
from collections.abc import Sequence
from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import CreateResult

from components.seal_preflight import DATA_KEY_BYTES
from components.stable_provider import StableProvider, StableResource


class JournalKeyProvider(StableProvider):
    """Creates the key once. It has no inputs, so it never changes."""

    inputs: ClassVar[Sequence[str]] = ()

    def create(self, _props: dict[str, Any]) -> CreateResult:
        """Create a new key."""
        key = secrets.token_bytes(DATA_KEY_BYTES)
        return CreateResult("journal-key", {"key": base64.b64encode(key).decode()})


class JournalKey(StableResource, module="vault", name="JournalKey"):
    """The key, in the stack's state before anything is encrypted with it."""

    key: pulumi.Output[str]
    """Secret, base64 of 32 bytes."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__(
            JournalKeyProvider(),
            name,
            {"key": None},
            opts,
            secret_outputs=["key"],
        )

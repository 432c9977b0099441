"""Proves that Vault's identity can use the seal's key, before anything irreversible.

Each seal has a module that proves its key (`seals/seal.py`). What the proofs have in common is here: errors
that may pass, waiting for permissions to spread, and the key that wraps another key.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, TypeVar

from components.errors import DeploymentError
from components.progress import Waiting, say

DATA_KEY_BYTES = 32
"""Length of the keys that are wrapped, and of what a proof encrypts."""

Answer = TypeVar("Answer")


class SettlingError(DeploymentError):
    """A step that the key service refused or didn't answer; the message has its own words and the fix.

    ``settling`` tells if waiting may help: a permission that spreads, a service that is busy or out of reach.
    ``summary`` is the message without the fix.
    """

    def __init__(self, what: str, reason: str, fix: str, *, settling: bool) -> None:
        self.settling = settling
        self.summary = f"{what}: {reason}"
        super().__init__(f"{what} failed: {reason}\n{fix}")


def until_settled(what: str, seconds: float, attempt: Callable[[], Answer]) -> Answer:
    """Return what ``attempt`` returns, trying again for ``seconds`` while waiting may help.

    ``what`` says what is being waited for. Raises the last :class:`SettlingError`.
    """
    waiting = Waiting(what, seconds)
    while True:
        try:
            return attempt()
        except SettlingError as error:
            if waiting.over or not error.settling:
                raise
            waiting.pause(error.summary, seconds=1)


def prove_key(*, identity: str, key: str, seconds: float, proof: Callable[[], None]) -> None:
    """Run the proof that ``identity`` can use ``key``, for ``seconds`` while permissions may spread.

    Raises :class:`DeploymentError` with the key service's own words and the fix.
    """
    say(f"Proving that {identity} can use {key}")
    try:
        until_settled(f"Waiting for {identity} to be able to use its key", seconds, proof)
    except DeploymentError as error:
        raise DeploymentError(
            f"The preflight of the seal as Vault's identity {identity} didn't succeed; nothing was "
            f"initialised. {error}\nThen run pulumi up again."
        ) from None


class KeyWrapper(ABC):
    """The seal's key with the rights of Vault's identity, wrapping a key of 32 bytes.

    Both methods raise :class:`SettlingError`. ``deployment`` names the Vault that the wrapped key belongs to;
    if the key service can, it refuses to unwrap it for another one.
    """

    kind: ClassVar[str]
    """Name of the way of wrapping, kept beside what is wrapped."""
    key_field: ClassVar[str]
    """Name of the header's entry that holds ``key_name``."""

    @property
    @abstractmethod
    def key_name(self) -> str:
        """What names the seal's key at its service."""

    @abstractmethod
    def wrap(self, key: bytes, deployment: str) -> Mapping[str, str]:
        """Wrap ``key``; return what it takes to unwrap it, readable by everybody."""

    @abstractmethod
    def unwrap(self, header: Mapping[str, str], deployment: str) -> bytes:
        """Return the key that was wrapped with that result."""

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
"""Length in bytes of the keys that are wrapped, and of the plaintext of a proof."""

Answer = TypeVar("Answer")


class SettlingError(DeploymentError):
    """The key service refused a call or didn't answer; the message has its error message and the fix.

    ``settling`` says whether waiting may help: a permission that spreads, a service that is busy or
    unreachable. ``summary`` is the message without the fix.
    """

    def __init__(self, what: str, reason: str, fix: str, *, settling: bool) -> None:
        self.settling = settling
        self.summary = f"{what}: {reason}"
        super().__init__(f"{what} failed: {reason}\n{fix}")


def until_settled(what: str, seconds: float, attempt: Callable[[], Answer]) -> Answer:
    """Return the result of ``attempt``, retrying for ``seconds`` while waiting may help.

    ``what`` names the wait in the output. Raises the last :class:`SettlingError`.
    """
    return Waiting(what, seconds).until(
        attempt,
        SettlingError,
        retry_if=lambda error: error.settling,
        state=lambda error: error.summary,
        pause_seconds=1,
    )


def prove_key(*, identity: str, key: str, seconds: float, proof: Callable[[], None]) -> None:
    """Run the proof that ``identity`` can use ``key``, for ``seconds`` while permissions may spread.

    Raises :class:`DeploymentError` with the key service's error message and the fix.
    """
    say(f"Proving that {identity} can use {key}")
    try:
        until_settled(f"Waiting for {identity} to be able to use its key", seconds, proof)
    except DeploymentError as error:
        raise DeploymentError(
            f"The preflight of the seal as Vault's identity {identity} didn't succeed; this run has "
            f"initialised nothing. {error}\nThen run pulumi up again. This proof ran on your machine: if "
            "only the cluster may use the key (private endpoints, a condition on the network), set "
            "init.preflight to false."
        ) from None


class KeyWrapper(ABC):
    """The seal's key, used as Vault's identity to wrap a key of 32 bytes.

    Both methods raise :class:`SettlingError`. ``deployment`` names the Vault that the wrapped key belongs to;
    if the key service can, it refuses to unwrap it for another one.
    """

    kind: ClassVar[str]
    """Name of the method of wrapping, stored beside the wrapped key."""
    key_field: ClassVar[str]
    """Name of the header's entry that holds ``key_name``."""

    @property
    @abstractmethod
    def key_name(self) -> str:
        """The name of the seal's key at its service."""

    @abstractmethod
    def wrap(self, key: bytes, deployment: str) -> Mapping[str, str]:
        """Wrap ``key``; return the header that unwraps it, which isn't secret."""

    @abstractmethod
    def unwrap(self, header: Mapping[str, str], deployment: str) -> bytes:
        """Return the key that was wrapped with this header."""

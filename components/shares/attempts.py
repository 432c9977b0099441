"""Declares what is remembered of the operations that a run begins on Vault, beyond the end of that run.

Vault has one generation of a root token and one rekey at a time, and a run that is killed leaves its own in
the way of the next one and of people. Vault says of it nothing but a nonce.
"""

from typing import Protocol

GENERATE_ROOT = "generate-root"
REKEY = "rekey"


class Attempts(Protocol):
    """Tells the operations that this program began from those of people, by their nonces."""

    def note_attempt(self, operation: str, nonce: str) -> None:
        """Remember that this program began it; raise a DeploymentError if that fails."""

    def is_own_attempt(self, operation: str, nonce: str) -> bool:
        """Return whether this program began it."""

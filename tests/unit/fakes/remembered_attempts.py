"""What a run began on Vault, remembered in this process."""

from components.errors import DeploymentError


class RememberedAttempts:
    """Knows the last nonces that it was told, and fails for the operations that it was told to refuse."""

    def __init__(self, **earlier: str) -> None:
        self.noted = {name.replace("_", "-"): nonce for name, nonce in earlier.items()}
        self.refused: dict[str, DeploymentError] = {}

    def note_attempt(self, operation: str, nonce: str) -> None:
        """Remembers it."""
        if operation in self.refused:
            raise self.refused[operation]
        self.noted[operation] = nonce

    def is_own_attempt(self, operation: str, nonce: str) -> bool:
        """Whether it was the last one that was noted."""
        return self.noted.get(operation) == nonce

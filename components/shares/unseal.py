"""Unseals the pods of a Vault whose seal is Shamir's."""

from collections.abc import Sequence

from components.errors import RetryableError
from components.progress import Waiting, say
from components.vault.pod_access import PodAccess


def unseal_pods(
    access: PodAccess, *, replicas: int, key_shares: Sequence[str], threshold: int, seconds: float
) -> None:
    """Unseal every pod that is sealed, pod 0 first, as the others join the cluster through it.

    Raises :class:`DeploymentError` if a pod isn't unsealed when ``seconds`` are over, or if the shares aren't
    those of this Vault.
    """
    waiting = Waiting("Unsealing", seconds)
    for ordinal in range(replicas):
        _unseal(access, ordinal, key_shares[:threshold], waiting)


def _unseal(access: PodAccess, ordinal: int, shares: Sequence[str], waiting: Waiting) -> None:
    pod = access.pod(ordinal)

    def attempt() -> None:
        access.await_running(ordinal, seconds=min(10, waiting.remaining_seconds))
        with access.reach(ordinal) as client:
            status = client.seal_status()
            if not status.sealed:
                return
            # A pod that hasn't joined has no seal configuration yet and refuses shares.
            if not status.initialized:
                raise RetryableError("not joined yet")
            client.unseal(shares)
            raise RetryableError("shares given")

    waiting.until(
        attempt,
        RetryableError,
        state=lambda error: f"{pod}: {error}",
        timeout_message=lambda error: (
            f"{pod} isn't unsealed: {error}. The key shares are safe in the stack; run pulumi up again, or "
            "python -m components unseal."
        ),
    )
    say(f"{pod} is unsealed")

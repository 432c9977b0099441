"""Unseals the pods of a Vault whose seal is Shamir's."""

from collections.abc import Sequence

from components.errors import RetryableError
from components.progress import Waiting, say
from components.vault.client import VaultClient
from components.vault.diagnostics import pod_problem
from components.vault.pod_access import PodAccess


class StillSealedError(RetryableError):
    """A server has taken shares and is still sealed."""


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
            give_shares(client, shares, waiting)

    waiting.until(
        attempt,
        RetryableError,
        state=lambda error: f"{pod}: {pod_problem(access, ordinal, str(error))}",
        timeout_message=lambda error: (
            f"{pod} isn't unsealed: {pod_problem(access, ordinal, str(error))}. The key shares are safe in "
            "the stack; run pulumi up again, or python -m components unseal."
        ),
    )
    say(f"{pod} is unsealed")


def give_shares(
    client: VaultClient, shares: Sequence[str], waiting: Waiting, *, migrate: bool = False
) -> None:
    """Submit the shares to a sealed server, and wait until it is unsealed.

    A server that joins a raft cluster takes the shares and unseals itself up to seconds later, once it has
    the leader's data. Shares that are submitted meanwhile unseal it twice: then two loops of it stand by, and
    a step-down may go to the one that doesn't lead, without effect (`unsealWithRaft` and `unsealInternal` in
    vault/core.go, which don't ask whether it is unsealed). So nothing is submitted again while it answers.

    Raises :class:`StillSealedError` if it takes more than these shares, or if it is still sealed when
    ``waiting`` is over.
    """
    client.unseal(shares, migrate=migrate)
    while (status := client.seal_status()).sealed:
        if status.progress:
            raise StillSealedError("fewer shares arrived than are needed; somebody else may submit some, too")
        sealed = "the shares were submitted, and it is still sealed"
        if waiting.over:
            raise StillSealedError(sealed)
        waiting.pause(sealed)

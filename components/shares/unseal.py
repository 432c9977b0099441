"""Unseals the pods of a Vault whose seal is Shamir's."""

from collections.abc import Sequence

from components.errors import DeploymentError
from components.progress import Waiting, say
from components.vault.client import VaultClient, VaultUnavailableError
from components.vault.pod_access import PodAccess, PodUnreachableError


def unseal_pods(
    access: PodAccess, *, replicas: int, key_shares: Sequence[str], threshold: int, seconds: float
) -> None:
    """Unseal every pod that is sealed, pod 0 first, as the others join the cluster through it.

    Raises :class:`DeploymentError` if a pod isn't unsealed when ``seconds`` are over, or if the shares aren't
    those of this Vault.
    """
    waiting = Waiting("Unsealing", seconds)
    for ordinal in range(replicas):
        while not _unsealed(access, ordinal, key_shares[:threshold], waiting):
            pass
        say(f"{access.pod(ordinal)} is unsealed")


def _unsealed(access: PodAccess, ordinal: int, shares: Sequence[str], waiting: Waiting) -> bool:
    """Make one attempt; return False if another one may help."""
    pod = access.pod(ordinal)
    try:
        access.await_running(ordinal, seconds=min(10, waiting.remaining_seconds))
        with access.reach(ordinal) as address:
            client = VaultClient(address)
            status = client.seal_status()
            if not status.sealed:
                return True
            state = "not joined yet"
            # A pod that hasn't joined has no seal configuration yet and refuses shares.
            if status.initialized:
                for share in shares:
                    client.submit_key_share(share)
                state = "shares given"
    except (PodUnreachableError, VaultUnavailableError) as error:
        state = str(error)
    if waiting.over:
        raise DeploymentError(
            f"{pod} isn't unsealed: {state}. The key shares are safe in the stack; run pulumi up again, or "
            "python -m components unseal."
        )
    waiting.pause(f"{pod}: {state}")
    return False

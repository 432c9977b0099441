"""Tells whether nothing is on any of Vault's volumes, so that a snapshot may be restored into a new Vault."""

from collections.abc import Sequence

from components.errors import DeploymentError, RetryableError
from components.progress import Waiting
from components.vault.diagnostics import with_pod_problems
from components.vault.pod_access import PodAccess
from components.vault.stateful_set import Server, ask_servers, find_servers


def is_blank(access: PodAccess, replicas: int, start_seconds: float) -> bool:
    """Return whether every server is known to be uninitialised, and is there to stay.

    Raises :class:`DeploymentError` if that can't be seen in time, or a pod is of earlier settings.
    """

    def attempt() -> bool:
        observed = ask_servers(access, find_servers(access))
        if any(server.initialized for server in observed):
            return False
        blank = [server.server.ordinal for server in observed if server.uninitialized]
        silent = [f"{server.server.name}: {server.problem}" for server in observed if server.problem]
        if silent or not set(range(replicas)) <= set(blank):
            raise RetryableError("; ".join(silent) or f"only {len(blank)} of {replicas} pods are there")
        _require_present_settings([server.server for server in observed])
        return True

    return Waiting("Waiting for Vault's pods", start_seconds).until(
        attempt,
        RetryableError,
        timeout_message=lambda error: with_pod_problems(
            access,
            f"Whether there is a Vault on every pod can't be seen ({error}), so none was initialised and "
            "nothing restored. Let all pods run, or delete the claim and the pod of a volume that is "
            "lost, and run it again.",
        ),
        pause_seconds=1,
    )


def _require_present_settings(blank: Sequence[Server]) -> None:
    """Raise unless all are pods of the last settings: an older Vault couldn't take over a newer one's data.

    A pod that is on its way out would be initialised and gone.
    """
    ending = [server.name for server in blank if server.terminating]
    if ending:
        raise RetryableError(f"{', '.join(ending)} is being deleted")
    outdated = [server.name for server in blank if server.outdated]
    if outdated:
        raise DeploymentError(
            f"{', '.join(outdated)} has settings from before the last update, such as another version of "
            "Vault, which would change what is restored. Nothing was changed. Nothing is on its volume: "
            f"delete it (kubectl delete pod {' '.join(outdated)}), and run it again."
        )

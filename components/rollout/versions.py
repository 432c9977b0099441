"""Compares the version of Vault that runs with the one that the settings want."""

from components.progress import say
from components.rollout.pods import ask_pods, expected_servers
from components.settings.vault_version import VaultVersion, vault_version, version_text
from components.vault.pod_access import PodAccess


def downgrade(access: PodAccess, replicas: int, image: str) -> str | None:
    """Return why Vault's pods can't have ``image``, as an older version is in it than runs; None if they can.

    The leader counts: a standby of a newer version has written nothing. Says if versions are skipped. Raises
    :class:`RetryableError` if Kubernetes can't be asked.
    """
    wanted = vault_version(image.rpartition(":")[2])
    running = _leading_version(access, replicas) if wanted is not None else None
    if wanted is None or running is None:
        return None
    if wanted < running:
        return (
            f"Vault {version_text(running)} runs, and doesn't go back to {version_text(wanted)}: an older "
            "version may not read what a newer one has written. Nothing was changed. Set image.tag to "
            f"{version_text(running)} or later. The way back is a snapshot that was taken before the upgrade "
            "(docs/snapshots.md#back-to-an-older-version)"
        )
    if wanted[0] > running[0] or wanted[1] > running[1] + 1:
        say(
            f"Vault goes from {version_text(running)} to {version_text(wanted)} in one step: read Vault's "
            "upgrade notes of every version in between"
        )
    return None


def _leading_version(access: PodAccess, replicas: int) -> VaultVersion | None:
    """Return the version of the leader; None if no initialised server answers.

    If none leads it is that of the oldest one, as a newer one may only have tried.
    """
    pods = ask_pods(access, expected_servers(access, replicas))
    versions = {
        pod.name: version
        for pod in pods
        if pod.status is not None
        and pod.status.initialized
        and (version := vault_version(pod.status.version))
    }
    if not versions:
        if any(pod.server.pod_uid for pod in pods):
            say("Which version of Vault runs can't be seen: no initialised server answers")
        return None
    leader = next((pod.name for pod in pods if pod.leads and pod.name in versions), None)
    return versions[leader] if leader is not None else min(versions.values())

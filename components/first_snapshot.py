"""Takes the first snapshot in the update that sets them up, and again once its job has changed.

It comes after the end of the root token, as it needs none, and a bucket that refuses must not keep a root
token alive.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CreateResult, UpdateResult

from components.awaits_release import awaits_release
from components.stable_provider import StableProvider, StableResource
from components.vault.pod_access import PodAccess, pods_identity

if TYPE_CHECKING:
    # The provider host loads this module, and has no use for what the program alone needs.
    from components.settings import Settings
    from components.vault_release import VaultRelease

INPUTS = ("access", "cron_job", "job")
SECONDS = ("start_seconds", "retry_seconds")
"""Inputs that aren't compared."""


@awaits_release(pods_identity, taken="")
class FirstSnapshotProvider(StableProvider):
    """Runs a job at creation, and whenever what makes the job has changed."""

    inputs = INPUTS

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Take a snapshot; raise :class:`DeploymentError` with the job's log if it isn't kept."""
        return CreateResult(pods_identity(props), self._taken(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Take another one."""
        return UpdateResult(self._taken(_news))

    def _taken(self, props: Mapping[str, Any]) -> dict[str, Any]:
        from components.snapshots.job_run import SnapshotJobRun, job_run_name

        cron_job = str(props["cron_job"])
        taken = SnapshotJobRun(
            kubectl=PodAccess.from_properties(props["access"]).kubectl,
            cron_job=cron_job,
            name=job_run_name(cron_job, str(props["job"])),
            what="the first snapshot",
            failed="No snapshot could be taken and kept, so nothing is backed up",
            remedy=(
                "Vault itself works, and its root token was treated as the settings say. Fix what the log "
                "says, and run pulumi up again, or remove the setting snapshots."
            ),
            start_seconds=float(props["start_seconds"]),
            retry_seconds=float(props["retry_seconds"]),
            counts_for=timedelta(hours=1),
        ).run()
        return {**self.input_values(props), "taken": taken.isoformat(timespec="seconds")}


class FirstSnapshot(StableResource, module="vault", name="FirstSnapshot"):
    """A snapshot that was taken and kept as all later ones are."""

    taken: pulumi.Output[str]
    """When, RFC 3339 in UTC."""

    def __init__(
        self,
        name: str,
        *,
        settings: "Settings",
        release: "VaultRelease",
        cron_job: pulumi.Input[str],
        job: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        properties: dict[str, Any] = {
            "access": release.access.to_properties(),
            "cron_job": cron_job,
            # A checksum of all that makes the job.
            "job": job,
            "start_seconds": settings.deadlines.pod_start_seconds,
            "retry_seconds": settings.deadlines.preflight_seconds,
            **release.awaiting,
            "taken": None,
        }
        super().__init__(FirstSnapshotProvider(), name, properties, opts)

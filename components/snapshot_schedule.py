"""Has snapshots taken on a schedule: the job, its identity in the cloud, and its access to Vault."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pulumi

from components.awaits_release import PLACEHOLDER
from components.errors import DeploymentError
from components.first_snapshot import FirstSnapshot
from components.kubernetes.cron_job import (
    CronJobState,
    cron_job_state,
    newest_job,
    resuming_command,
    why_not,
)
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.kubernetes.objects import PATCH_FORCE, KubernetesObject
from components.kubernetes_connection import KubernetesConnection
from components.operator_init import OperatorInit
from components.pod_rollout import PodRollout
from components.resource_types import CRON_JOB, RELEASE_GUARD, ROOT_TOKEN_REVOCATION
from components.seals.seal import ProvisionedSeal
from components.settings import Settings
from components.settings.snapshots import SnapshotSettings
from components.snapshot_access import SnapshotAccess
from components.snapshot_store import provision_snapshot_store
from components.snapshots.job import (
    RecordedKeys,
    cron_job,
    job_files,
    job_name,
    specification_text,
)
from components.stack_state import recorded_outputs_of
from components.vault.traffic_policy import snapshot_policy
from components.vault_release import VaultRelease

if TYPE_CHECKING:
    from components.aws.cluster import EksCluster
    from components.google.cluster import GkeCluster

_LONGEST_NAME = 52
"""Of a CronJob, as its jobs' names are longer (kubernetes, `ValidateCronJobCreate`)."""


def give_snapshot_access(
    settings: Settings, release: VaultRelease, init: OperatorInit, after: pulumi.Resource
) -> SnapshotAccess | None:
    """Give the job its access to Vault, which takes a token; None without a schedule."""
    if settings.snapshots is None:
        _recommend(settings)
        return None
    revoked = recorded_outputs_of(ROOT_TOKEN_REVOCATION)[ROOT_TOKEN_REVOCATION].values()
    return SnapshotAccess(
        "snapshot-access",
        settings=settings,
        snapshots=settings.snapshots,
        release=release,
        init=init,
        root_token_gone=any(not outputs.get(PLACEHOLDER) for outputs in revoked),
        opts=pulumi.ResourceOptions(depends_on=[after]),
    )


def schedule_snapshots(
    settings: Settings,
    cluster: "EksCluster | GkeCluster | None",
    connection: KubernetesConnection,
    release: VaultRelease,
    init: OperatorInit,
    seal: ProvisionedSeal,
    *,
    access: SnapshotAccess | None,
    rollout: PodRollout,
    after: pulumi.Resource,
) -> Mapping[str, pulumi.Input[Any]]:
    """Create the job and what it needs, take the first snapshot, and return the stack's outputs of them.

    The first one is taken once ``after`` exists, which is the end of the root token if it ends. Warns, in a
    preview too, if the last snapshot is too old, or somebody has suspended or deleted the job.
    """
    snapshots = settings.snapshots
    if snapshots is None or access is None:
        return {}
    name = job_name(release.fullname)
    if len(name) > _LONGEST_NAME:
        raise DeploymentError(
            f"The CronJob's name {name} would have more than {_LONGEST_NAME} characters: set a shorter "
            "releaseName, or remove snapshots. Nothing was changed."
        )
    # The rolling change takes a snapshot by the job of before, which needs all of this as it was.
    later = pulumi.ResourceOptions(depends_on=[rollout])
    inside = pulumi.ResourceOptions.merge(later, pulumi.ResourceOptions(provider=connection.provider))
    store = provision_snapshot_store(settings, snapshots, cluster, seal, release, inside, later)
    account = _object(
        "v1",
        "ServiceAccount",
        name,
        release,
        inside,
        annotations=store.annotations,
        automountServiceAccountToken=False,
    )
    files = pulumi.Output.all(
        init.deployment, seal.key, init.keys_fingerprint, init.keys_location, init.keys_version
    ).apply(lambda known: _files(settings, snapshots, *known))
    scripts = _object("v1", "ConfigMap", name, release, inside, data=files)
    specification = files.apply(
        lambda made: cron_job(
            settings,
            snapshots,
            release.fullname,
            files_checksum=hashlib.sha256(specification_text(made).encode()).hexdigest()[:16],
        )
    )
    needed = [access, account, scripts, *store.prerequisites, *_network_policy(settings, release, inside)]
    job = _object(
        "batch/v1",
        "CronJob",
        name,
        release,
        pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=needed)),
        # Whoever has suspended it by hand and let it go on owns that field, and would end the update.
        annotations={PATCH_FORCE: "true"} if settings.migrate_from is not None else {},
        spec=specification,
    )
    if recorded_outputs_of(CRON_JOB)[CRON_JOB]:
        # Until the cluster is known to be the right one nothing of it is asked.
        connection.cluster_uid.apply(
            lambda _: _warn_if_none_comes(settings, connection.target, name, snapshots)
        )
    outputs: dict[str, pulumi.Input[Any]] = {
        "snapshot_job": name,
        "snapshot_location": store.location,
        "snapshot_stale_after_hours": snapshots.stale_after_hours,
        **store.outputs,
    }
    if settings.migrate_from is not None:
        return outputs
    first = FirstSnapshot(
        "first-snapshot",
        settings=settings,
        release=release,
        cron_job=name,
        job=pulumi.Output.all(specification, account.metadata, access.role).apply(_content),
        opts=pulumi.ResourceOptions(depends_on=[job, after]),
    )
    return {**outputs, "first_snapshot": first.taken}


def _files(
    settings: Settings,
    snapshots: SnapshotSettings,
    deployment: str,
    seal_key: str,
    fingerprint: str,
    location: str,
    version: str,
) -> Mapping[str, str]:
    keys = RecordedKeys(
        deployment=deployment,
        seal_type=settings.seal.type,
        seal_key=seal_key or "",
        fingerprint=fingerprint or "",
        location=location or "",
        version=version or "",
    )
    return job_files(keys, snapshots)


def _content(parts: Any) -> str:
    """Return a checksum of all by which a job may do something else than before: not of its schedule."""
    specification, metadata, role = parts
    text = specification_text([specification["jobTemplate"], metadata.get("annotations"), role])
    return hashlib.sha256(text.encode()).hexdigest()


def _object(
    api_version: str,
    kind: str,
    name: str,
    release: VaultRelease,
    opts: pulumi.ResourceOptions,
    annotations: Mapping[str, pulumi.Input[str]] | None = None,
    **content: Any,
) -> KubernetesObject:
    metadata = {"name": name, "namespace": release.namespace}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return KubernetesObject(api_version, kind, "snapshot-job", {"metadata": metadata, **content}, opts)


def _network_policy(
    settings: Settings, release: VaultRelease, opts: pulumi.ResourceOptions
) -> Sequence[pulumi.Resource]:
    if settings.network_policy is None:
        return ()
    spec = snapshot_policy(settings, settings.network_policy)
    name = job_name(release.fullname)
    return [_object("networking.k8s.io/v1", "NetworkPolicy", name, release, opts, spec=spec)]


def _recommend(settings: Settings) -> None:
    """Say, when a stack begins that is made to last, that nothing is backed up; never again."""
    lasting = settings.mode == "ha" and settings.replicas > 1 and settings.protect
    if lasting and not recorded_outputs_of(RELEASE_GUARD)[RELEASE_GUARD]:
        pulumi.log.info(
            "Nothing takes snapshots of this Vault on a schedule: set snapshots "
            "(docs/snapshots.md#on-a-schedule), as with its volumes everything in it is lost."
        )


def _warn_if_none_comes(
    settings: Settings, target: KubernetesTarget, name: str, snapshots: SnapshotSettings
) -> None:
    """Warn if the last snapshot is too old, or no further one will be taken; with what to do."""
    by_stack = settings.migrate_from is not None or _suspended_by_stack()
    try:
        state = cron_job_state(Kubectl(target), name)
        problem = (
            _missing(target, name) if state is None else _problem(target, state, snapshots, by_stack=by_stack)
        )
    except KubectlError as error:
        pulumi.log.info(f"When the last snapshot was taken can't be seen: {error}")
        return
    if problem:
        pulumi.log.warn(problem)


def _missing(target: KubernetesTarget, name: str) -> str:
    """Return that somebody has deleted the CronJob; empty if it was elsewhere when it was seen last."""
    recorded = recorded_outputs_of(CRON_JOB)[CRON_JOB].values()
    places = [outputs.get("metadata") or {} for outputs in recorded]
    if not any((at.get("name"), at.get("namespace")) == (name, target.namespace) for at in places):
        return ""
    return (
        f"There is no CronJob {name} any more, so no further snapshot is taken: somebody has deleted it. "
        "Only an update with --refresh makes it again, as it was."
    )


def _problem(
    target: KubernetesTarget, state: CronJobState, snapshots: SnapshotSettings, *, by_stack: bool
) -> str:
    """Return why snapshots fail to come; empty if they don't. Raises :class:`KubectlError`.

    ``by_stack`` says that it is the stack itself that suspends the CronJob.
    """
    stale = state.stale(datetime.now(UTC), snapshots.stale_after_hours)
    suspended = state.suspended and not by_stack
    resume = f"Let it go on, unless somebody wants that: {resuming_command(target, state.name)}"
    if not stale:
        said = f"CronJob {state.name} is suspended, so no further snapshot is taken. {resume}"
        return said if suspended else ""
    why = ""
    if state.suspended:
        why = f"CronJob {state.name} is suspended"
        advice = resume if suspended else "It goes on once the seal is migrated."
    else:
        job = newest_job(Kubectl(target), state.name)
        why = why_not(Kubectl(target), job) if job is not None and job.succeeded is None else ""
        advice = "docs/snapshots.md#a-job-that-fails says what to do."
    return (
        f"The last snapshot of this Vault is older than {snapshots.stale_after_hours} hours "
        f"(snapshots.staleAfterHours): {stale}. {why or 'No job of it has failed: look at the CronJob'}\n"
        f"{advice}"
    )


def _suspended_by_stack() -> bool:
    """Return whether the stack itself has suspended the CronJob, which it does while the seal is migrated."""
    recorded = recorded_outputs_of(CRON_JOB)[CRON_JOB].values()
    return any((outputs.get("spec") or {}).get("suspend") for outputs in recorded)

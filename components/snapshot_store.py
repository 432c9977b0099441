"""Provides what keeps snapshots: a bucket and an identity that only writes into it, or a volume.

A cloud's SDK is imported where it is used, as each takes a part of a second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi

from components.errors import DeploymentError
from components.kubernetes.objects import KubernetesObject
from components.seals import awskms, gcpckms
from components.seals.seal import ProvisionedSeal
from components.settings import Settings
from components.settings.snapshots import SAME_KEY, BucketSettings, SnapshotSettings, VolumeSettings
from components.snapshots.job import claim_name, job_name
from components.vault_release import VaultRelease

if TYPE_CHECKING:
    from components.aws.cluster import EksCluster
    from components.google.cluster import GkeCluster


@dataclass(frozen=True)
class ProvisionedStore:
    """The bucket or volume that keeps the snapshots."""

    location: pulumi.Input[str]
    """Where they are, for people."""
    prerequisites: Sequence[pulumi.Resource] = ()
    """Resources that the job needs."""
    annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Annotations of the job's service account, by which its pods get the identity."""
    outputs: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Stack outputs that it adds."""


def provision_snapshot_store(
    settings: Settings,
    snapshots: SnapshotSettings,
    cluster: "EksCluster | GkeCluster | None",
    seal: ProvisionedSeal,
    release: VaultRelease,
    inside: pulumi.ResourceOptions,
    later: pulumi.ResourceOptions,
) -> ProvisionedStore:
    """Create bucket or volume, if the settings want that, and the identity of the job.

    ``inside`` are the options of what is in the cluster, and ``later`` those of everything else.
    Raises :class:`DeploymentError` if it doesn't fit the cluster.
    """
    store = snapshots.store
    if isinstance(store, VolumeSettings):
        return _provision_volume(store, release, inside)
    if cluster is not None and cluster.cloud == "aws":
        return _provision_s3(settings, store, cluster, seal, release, later)
    if cluster is not None and cluster.cloud == "google":
        return _provision_google(settings, store, cluster, release, later)
    raise DeploymentError("snapshots.bucket needs an EKS or GKE cluster: set clusterName, or use volume.")


def _provision_volume(
    store: VolumeSettings, release: VaultRelease, inside: pulumi.ResourceOptions
) -> ProvisionedStore:
    if store.claim:
        return ProvisionedStore(f"PersistentVolumeClaim {store.claim}")
    name = claim_name(release.fullname)
    storage_class = {"storageClassName": store.storage_class} if store.storage_class else {}
    claim = KubernetesObject(
        "v1",
        "PersistentVolumeClaim",
        "snapshots",
        {
            "metadata": {
                "name": name,
                "namespace": release.namespace,
                # A class may make the volume only for the first pod that uses it.
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": store.size}},
                **storage_class,
            },
        },
        # Backups outlive the stack, and another size would replace the claim.
        pulumi.ResourceOptions.merge(
            inside, pulumi.ResourceOptions(retain_on_delete=True, ignore_changes=["spec"])
        ),
    )
    return ProvisionedStore(f"PersistentVolumeClaim {name}", (claim,))


def _provision_s3(
    settings: Settings,
    store: BucketSettings,
    cluster: "EksCluster",
    seal: ProvisionedSeal,
    release: VaultRelease,
    later: pulumi.ResourceOptions,
) -> ProvisionedStore:
    from components.aws.pod_trust import IrsaTrust, PodIdentityTrust, PodTrust
    from components.aws.snapshot_identity import SnapshotRole, SnapshotRoleArgs
    from components.aws.snapshot_policies import writer_policy

    account = job_name(release.fullname)
    trust: PodTrust
    if store.pod_identity:
        trust = PodIdentityTrust(cluster.arn, settings.namespace, account)
    elif cluster.oidc_provider_arn is not None:
        trust = IrsaTrust(cluster.oidc_provider_arn, cluster.issuer, settings.namespace, account)
    else:
        raise DeploymentError(
            "snapshots.bucket needs an EKS cluster with an OIDC provider in IAM (docs/eks.md), or use volume."
        )
    options = pulumi.ResourceOptions.merge(later, pulumi.ResourceOptions(provider=cluster.provider))
    made: list[pulumi.Resource] = []
    if store.kms_key and settings.seal.type == awskms.Seal.type:
        # A key that the stack creates is known by its output alone.
        key = pulumi.Output.from_input(seal.key)
        key.apply(lambda arn: _refuse_same_key(store.kms_key, arn))
    if store.create:
        from components.aws.snapshot_bucket import SnapshotBucket, SnapshotBucketArgs

        made.append(
            SnapshotBucket(
                "snapshot-bucket",
                SnapshotBucketArgs(
                    name=store.name,
                    partition=cluster.partition,
                    prefix=store.prefix,
                    keep_days=store.keep_days,
                    key_arn=store.kms_key,
                    tags=settings.tags,
                ),
                options,
            )
        )
    role = SnapshotRole(
        "snapshot-role",
        SnapshotRoleArgs(
            trust=trust,
            name=store.identity,
            path=store.role_path,
            permissions_boundary=store.permissions_boundary,
            policy=writer_policy(
                partition=cluster.partition, bucket=store.name, prefix=store.prefix, key_arn=store.kms_key
            ),
            tags=settings.tags,
        ),
        options,
    )
    made.append(role)
    return ProvisionedStore(
        location=f"s3://{store.name}/{store.prefix}",
        prerequisites=made,
        annotations={} if store.pod_identity else {"eks.amazonaws.com/role-arn": role.role_arn},
        outputs={"snapshot_role_arn": role.role_arn},
    )


def _refuse_same_key(key: str, unseal_key: str) -> None:
    if unseal_key and awskms.Seal.same_key(unseal_key, key):
        raise DeploymentError(f"snapshots.kmsKey is {key}: {SAME_KEY}.")


def _provision_google(
    settings: Settings,
    store: BucketSettings,
    cluster: "GkeCluster",
    release: VaultRelease,
    later: pulumi.ResourceOptions,
) -> ProvisionedStore:
    from components.google.project import enabled_apis, google_provider
    from components.google.snapshot_identity import SnapshotAccount, SnapshotAccountArgs

    if cluster.workload_pool is None:
        raise DeploymentError(
            "snapshots.bucket needs Workload Identity on the GKE cluster (docs/gke.md), or use volume."
        )
    project = settings.project or ""
    options = pulumi.ResourceOptions.merge(later, pulumi.ResourceOptions(provider=google_provider(project)))
    apis = enabled_apis(_apis(settings), project=project) if settings.enable_apis else ()
    made: list[pulumi.Resource] = []
    bucket: pulumi.Input[str] = store.name
    if store.create:
        from components.google.snapshot_bucket import SnapshotBucketArgs, create_snapshot_bucket, region_of

        created = create_snapshot_bucket(
            "snapshot-bucket",
            SnapshotBucketArgs(
                name=store.name,
                project=project,
                location=region_of(cluster.location),
                prefix=store.prefix,
                keep_days=store.keep_days,
                key=store.kms_key,
                labels=settings.tags,
                prerequisites=apis,
            ),
            options,
        )
        made.append(created)
        bucket = created.name
    account = SnapshotAccount(
        "snapshot-identity",
        SnapshotAccountArgs(
            account_id=store.identity,
            project=project,
            bucket=bucket,
            bucket_name=store.name,
            prefix=store.prefix,
            workload_pool=cluster.workload_pool,
            kubernetes_member=f"{settings.namespace}/{job_name(release.fullname)}",
            prerequisites=apis,
        ),
        options,
    )
    made.append(account)
    return ProvisionedStore(
        location=f"gs://{store.name}/{store.prefix}",
        prerequisites=made,
        annotations={"iam.gke.io/gcp-service-account": account.email},
        outputs={"snapshot_service_account": account.email},
    )


def _apis(settings: Settings) -> Sequence[str]:
    """Return the APIs that bucket and identity need, and no seal has enabled."""
    from components.google import project

    kinds = {seal.identity.kind for seal in settings.seals if isinstance(seal, gcpckms.Seal)}
    needed = [project.STORAGE]
    if not kinds & {"workload-identity", "key-file"}:
        needed.append(project.IAM)
    if "workload-identity" not in kinds:
        needed += [project.IAM_CREDENTIALS, project.STS]
    return needed

"""Creates the Google service account by which the snapshots' job writes into a bucket, and no more."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from components.google.service_account import IMPERSONATION_ROLE

WRITER_ROLE = "roles/storage.objectCreator"
"""Creates objects, and can't read, list, replace or delete any."""


@dataclass(frozen=True)
class SnapshotAccountArgs:
    """The arguments of a :class:`SnapshotAccount`."""

    account_id: str
    """Id of the service account."""
    project: str
    """Project of the service account."""
    bucket: pulumi.Input[str]
    """Name of the bucket, known once it exists."""
    bucket_name: str
    prefix: str
    """What the objects' names begin with; empty for the whole bucket."""
    workload_pool: str
    """The workload identity pool."""
    kubernetes_member: str
    """The job's Kubernetes service account, ``<namespace>/<name>``."""
    prerequisites: Sequence[pulumi.Resource]
    """APIs that must be enabled first."""


class SnapshotAccount(pulumi.ComponentResource):
    """The service account, who may be it, and its one role on the bucket."""

    email: pulumi.Output[str]

    def __init__(
        self, name: str, args: SnapshotAccountArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("vault-autounseal:gcp:SnapshotAccount", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        account = gcp.serviceaccount.Account(
            name,
            account_id=args.account_id,
            project=args.project,
            display_name="Vault's snapshots",
            description="Writes snapshots of Vault into one bucket, and nothing else",
            opts=pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=args.prerequisites)),
        )
        gcp.storage.BucketIAMMember(
            name,
            bucket=args.bucket,
            role=WRITER_ROLE,
            member=account.email.apply(lambda email: f"serviceAccount:{email}"),
            condition=_condition(args),
            opts=inside,
        )
        gcp.serviceaccount.IAMMember(
            name,
            service_account_id=account.name,
            role=IMPERSONATION_ROLE,
            member=f"serviceAccount:{args.workload_pool}[{args.kubernetes_member}]",
            opts=inside,
        )
        self.email = account.email
        self.register_outputs({"email": self.email})


def _condition(args: SnapshotAccountArgs) -> gcp.storage.BucketIAMMemberConditionArgs | None:
    """Return the condition of the prefix, which the bucket takes with uniform access alone."""
    if not args.prefix:
        return None
    objects = f"projects/_/buckets/{args.bucket_name}/objects/{args.prefix}"
    return gcp.storage.BucketIAMMemberConditionArgs(
        title="snapshots-of-vault", expression=f'resource.name.startsWith("{objects}")'
    )

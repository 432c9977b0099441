"""Reads when snapshots are taken, and where they are kept."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from components.aws.seal_settings import IAM_NAME, KEY_ARN
from components.aws.settings import ExistingKeySettings, RoleSettings
from components.config.cron import longest_gap_minutes
from components.config.patterns import AWS_REGION, DNS_NAME, QUANTITY
from components.config.reader import ConfigReader
from components.seals import awskms, gcpckms
from components.seals.gcpckms import ACCOUNT_ID
from components.seals.seal import Seal

if TYPE_CHECKING:
    # It imports the model, which has these settings.
    from components.settings.cloud import CloudSettings

Cloud = Literal["aws", "google"]

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, and Google's without dots:
# names with dots belong to domains there, and break TLS to S3.
_BUCKET = r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"
# Characters that neither policies, shells nor URLs read as anything else.
_PREFIX = r"([A-Za-z0-9][A-Za-z0-9._-]{0,62}/){1,8}"
_GOOGLE_KEY = r"projects/[a-z0-9.:-]+/locations/[a-z0-9-]+/keyRings/[\w-]{1,63}/cryptoKeys/[\w-]{1,63}"
_IMAGE = r"[a-z0-9][A-Za-z0-9._:/@-]*[:@][A-Za-z0-9._:-]+"
_MOUNT = r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*"
UPLOAD_IMAGE = "rclone/rclone:1.72.0"

_BUCKET_KEYS = ("createBucket", "prefix", "region", "kmsKey", "roleName", "serviceAccount", "images")


@dataclass(frozen=True)
class BucketSettings:
    """A bucket of S3 or Google Cloud Storage, and the identity that writes into it."""

    cloud: Cloud
    """That of the cluster, whose pods get an identity there."""
    name: str
    create: bool
    """Whether the stack creates it; it stays when the stack is destroyed."""
    prefix: str
    """What the objects' names begin with; ends with a slash, or is empty."""
    keep_days: int
    """Days after which a bucket of the stack's own deletes a snapshot."""
    kms_key: str
    """Key that encrypts the objects: an ARN, or a resource name of Google's; empty for the cloud's own."""
    identity: str
    """Name of the IAM role, or id of the Google service account."""
    image: str
    """Image with rclone."""
    region: str = ""
    """Region of a bucket of S3."""
    pod_identity: bool = False
    """Whether EKS assumes the role for the job's pods, as for Vault's; else they do by their tokens."""
    role_path: str = "/"
    """IAM path of the role, that of Vault's."""
    permissions_boundary: str | None = None
    """ARN of the role's permissions boundary, that of Vault's."""


@dataclass(frozen=True)
class VolumeSettings:
    """A volume of the cluster."""

    claim: str
    """Name of an existing PersistentVolumeClaim; empty if the stack creates one."""
    size: str
    """Size of the claim that the stack creates, as a Kubernetes quantity; empty for an existing one."""
    storage_class: str | None
    """Its StorageClass; None for the cluster's default."""
    keep_count: int
    """Number of snapshots that stay."""


@dataclass(frozen=True)
class SnapshotSettings:
    """Snapshots on a schedule."""

    schedule: str
    """In the form of Kubernetes' CronJobs, in the time zone of its controllers, mostly UTC."""
    store: BucketSettings | VolumeSettings
    auth_path: str
    """Path of Vault's auth method `kubernetes` by which the job logs in."""
    stale_after_hours: int
    """Age of the last snapshot from which on an update warns."""


def read_snapshots(
    settings: ConfigReader, cloud: "CloudSettings", seals: Sequence[Seal | None], *, raft: bool
) -> SnapshotSettings | None:
    """Read ``snapshots``; None without it.

    ``raft`` says whether Vault's storage has snapshots. Equal keys of bucket and seal are refused, as far as
    the settings tell.
    """
    settings.skip("snapshots")
    if not settings.has("snapshots"):
        return None
    if not raft:
        settings.report(
            "snapshots", "only raft has snapshots; set mode to ha, or remove it and copy Vault's volume"
        )
    reader = settings.section("snapshots")
    schedule, gap_hours = _schedule(reader)
    store: BucketSettings | VolumeSettings
    if reader.has("volume"):
        reader.not_applicable(("bucket",), "set one of bucket and volume")
        reader.not_applicable(_BUCKET_KEYS, "it belongs to a bucket; remove it")
        store = _volume(reader)
    else:
        reader.not_applicable(("volume",), "")
        store = _bucket(reader, cloud, seals)
    stale = reader.integer(
        "staleAfterHours",
        2 * gap_hours + 1,
        range(gap_hours + 1, 100_000),
        f"give a number of hours, more than the {gap_hours} that may be between two snapshots",
    )
    snapshots = SnapshotSettings(
        schedule=schedule,
        store=store,
        auth_path=reader.text(
            "authPath", "kubernetes", _MOUNT, "give the path of an auth method, without auth/ before it"
        ),
        stale_after_hours=stale,
    )
    reader.unknown_keys()
    return snapshots


def _schedule(reader: ConfigReader) -> tuple[str, int]:
    """Return the schedule, and the longest time between two snapshots in hours."""
    schedule = reader.required_text(
        "schedule", r".{1,200}", "say when snapshots are taken, such as '17 * * * *' for each hour"
    )
    try:
        return schedule, math.ceil(longest_gap_minutes(schedule) / 60) if schedule else 1
    except ValueError as error:
        reader.report(
            "schedule",
            f"give a schedule as Kubernetes' CronJobs have it, such as '17 * * * *' for each hour ({error})",
        )
        return schedule, 1


def _volume(reader: ConfigReader) -> VolumeSettings:
    section, keep = reader.section("volume"), reader.section("keep")
    keep.not_applicable(("days",), "on a volume a number of snapshots is kept: set keep.count")
    if section.has("claim") == section.has("size"):
        section.report(
            "claim", "name a PersistentVolumeClaim of Vault's namespace, or give the size of a new one"
        )
    if section.has("claim"):
        section.not_applicable(("storageClass",), "the claim has one already; remove it")
    volume = VolumeSettings(
        claim=section.text("claim", "", DNS_NAME, "name a PersistentVolumeClaim of Vault's namespace"),
        size=section.text("size", "", QUANTITY, "give a Kubernetes quantity, such as 20Gi"),
        storage_class=section.text("storageClass", None, DNS_NAME, "name a StorageClass"),
        keep_count=keep.integer("count", 48, range(2, 10_001), "keep 2 to 10000 snapshots"),
    )
    section.unknown_keys()
    keep.unknown_keys()
    return volume


def _bucket(reader: ConfigReader, cloud: "CloudSettings", seals: Sequence[Seal | None]) -> BucketSettings:
    if cloud.cluster is None and reader.has("bucket"):
        reader.report(
            "bucket",
            "the job gets into a bucket by an identity that EKS or GKE vouches for, and this stack names no "
            "such cluster; set clusterName, or use volume",
        )
    on_aws = cloud.project is None
    create = reader.flag("createBucket", False)
    keep = reader.section("keep")
    keep.not_applicable(("count",), "it belongs to a volume; remove it")
    if not create:
        keep.not_applicable(
            ("days",), "the rules of a bucket that is given are its owner's; remove it, or set createBucket"
        )
    kind = "role" if on_aws else "service account"
    unused = ("serviceAccount",) if on_aws else ("roleName",)
    reader.not_applicable(unused, f"the job's identity is a {kind} here; remove it")
    if on_aws:
        name, pattern, longest = "roleName", IAM_NAME, 64
        default = f"vault-snapshots-{cloud.cluster.name if cloud.cluster else ''}"[:longest]
    else:
        name, pattern, longest, default = "serviceAccount", ACCOUNT_ID, 30, "vault-snapshots"
    images = reader.section("images")
    role = next((seal.role for seal in seals if isinstance(seal, awskms.Seal)), None)
    made_role = role if isinstance(role, RoleSettings) else None
    bucket = BucketSettings(
        cloud="aws" if on_aws else "google",
        name=reader.required_text(
            "bucket",
            _BUCKET,
            "name where snapshots go, a bucket of 3 to 63 of a-z, 0-9 and dashes, or set volume",
        ),
        create=create,
        prefix=reader.text(
            "prefix", "", _PREFIX, "give folders of letters, digits, . _ and -, with a slash at the end"
        ),
        keep_days=keep.integer("days", 30, range(1, 3651), "keep snapshots for 1 to 3650 days"),
        kms_key=_kms_key(reader, on_aws=on_aws, create=create, project=cloud.project, seals=seals),
        identity=reader.text(name, default, pattern, f"give the name of a {kind}", longest),
        region=_region(reader, cloud, on_aws=on_aws),
        pod_identity=any(isinstance(seal, awskms.Seal) and seal.needs_pod_identity_agent for seal in seals),
        role_path=made_role.path if made_role is not None else "/",
        permissions_boundary=made_role.permissions_boundary if made_role is not None else None,
        image=images.text(
            "upload", UPLOAD_IMAGE, _IMAGE, "give an image with its tag, such as " + UPLOAD_IMAGE
        ),
    )
    images.unknown_keys()
    keep.unknown_keys()
    if create and reader.has("region"):
        reader.report("region", "the stack creates the bucket in the region of its cluster; remove it")
    return bucket


def _region(reader: ConfigReader, cloud: "CloudSettings", *, on_aws: bool) -> str:
    if not on_aws:
        reader.not_applicable(("region",), "a bucket of Google's is found by its name; remove it")
        return ""
    own = cloud.cluster.location if cloud.cluster is not None else ""
    return (
        reader.text("region", None, AWS_REGION, "give the region of the bucket, such as eu-central-1") or own
    )


def _kms_key(
    reader: ConfigReader, *, on_aws: bool, create: bool, project: str | None, seals: Sequence[Seal | None]
) -> str:
    key = reader.text(
        "kmsKey",
        "",
        KEY_ARN if on_aws else _GOOGLE_KEY,
        "give the ARN of a KMS key, arn:aws:kms:<region>:<account>:key/<id>, not of an alias"
        if on_aws
        else "give the key's resource name, "
        "projects/<project>/locations/<location>/keyRings/<ring>/cryptoKeys/<key>",
    )
    if key and not on_aws and not create:
        reader.report(
            "kmsKey",
            "a bucket that is given encrypts with its own default key: set it there, and remove it here",
        )
    if key and any(_unseals_with(seal, key, project) for seal in seals):
        reader.report("kmsKey", SAME_KEY)
    return key


SAME_KEY = (
    "it is the key that unseals Vault: whoever loses it loses Vault and its snapshots at once; give another "
    "one, or remove it"
)


def _unseals_with(seal: Seal | None, key: str, project: str | None) -> bool:
    """Return whether a seal uses that key, as far as the settings name its own."""
    match seal:
        case awskms.Seal(key=ExistingKeySettings(arn=arn)):
            return awskms.Seal.same_key(arn, key)
        case gcpckms.Seal(key=own):
            return own.key_id(project or "") == key
        case _:
            return False

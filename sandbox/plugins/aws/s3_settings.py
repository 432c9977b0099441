"""What is set on a bucket by resources of their own, below ``aws:s3/``; the id of each is the bucket's name.

How each of them is created, read and deleted: terraform-provider-aws, internal/service/s3/bucket_*.go.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from sandbox.plugins.aws.api import error_code, failing_as
from sandbox.plugins.aws.policy_documents import policy_property
from sandbox.plugins.aws.resource_type import AwsResourceType
from sandbox.plugins.bridged_schema import Property, Schema
from sandbox.plugins.property_values import PropertyMap, PropertyValue, Unknown
from sandbox.plugins.provider import Created, Resource, not_implemented
from sandbox.plugins.validation import length_between, one_of, only

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Shape = Mapping[str, "Shape | None"]
"""The parts of an object that are implemented; None for a plain value."""

_BUCKET = Property("bucket", required=True, replaces=True, validators=(length_between(1, 63),))
_NAMES = {"id": "ID", "kmsMasterKeyId": "KMSMasterKeyID", "sseAlgorithm": "SSEAlgorithm"}
"""S3's names that aren't Pulumi's with a capital letter."""

_SMALLEST_TO_MOVE = "all_storage_classes_128K"
"""What S3 takes for the setting if nobody says it; no rule here moves objects."""

_VERSIONING: Shape = {"status": None}
_ENCRYPTION: Shape = {
    "applyServerSideEncryptionByDefault": {"kmsMasterKeyId": None, "sseAlgorithm": None},
    "bucketKeyEnabled": None,
}
_OWNERSHIP: Shape = {"objectOwnership": None}
_LIFECYCLE: Shape = {
    "abortIncompleteMultipartUpload": {"daysAfterInitiation": None},
    "expiration": {"days": None, "expiredObjectDeleteMarker": None},
    "filter": {"prefix": None},
    "id": None,
    "noncurrentVersionExpiration": {"newerNoncurrentVersions": None, "noncurrentDays": None},
    "status": None,
}


class BucketSetting(AwsResourceType):
    """One setting of a bucket."""

    title: ClassVar[str]
    """The real plugin's name for it, after ``S3 Bucket``."""
    missing: ClassVar[frozenset[str]] = frozenset({"NoSuchBucket"})
    """S3's codes for a bucket that is gone, or has no such setting."""
    waits: ClassVar[bool] = True
    """Whether the real plugin waits, after a deletion, until the setting is gone."""

    @abstractmethod
    def put(self, s3: "S3Client", bucket: str, inputs: PropertyMap) -> None:
        """Set it."""

    @abstractmethod
    def get(self, s3: "S3Client", bucket: str) -> PropertyMap:
        """Read it, without the bucket."""

    @abstractmethod
    def remove(self, s3: "S3Client", bucket: str) -> None:
        """Take it away."""

    @override
    def make(self, inputs: PropertyMap) -> Created:
        bucket = str(inputs["bucket"])
        with failing_as(f"creating S3 Bucket ({bucket}) {self.title}", "s3"):
            self.put(self.aws.client("s3"), bucket, inputs)
        return Created(bucket, self.recorded(bucket, inputs))

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        from botocore.exceptions import ClientError

        with failing_as(f"reading S3 Bucket {self.title} ({identifier})", "s3"):
            try:
                found = self.get(self.aws.client("s3"), identifier)
            except ClientError as error:
                if error_code(error) in self.missing:
                    return None
                raise
        return {**found, "bucket": identifier, "region": self.aws.region}

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        with failing_as(f"updating S3 Bucket {self.title} ({identifier})", "s3"):
            self.put(self.aws.client("s3"), identifier, inputs)

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        from botocore.exceptions import ClientError

        s3 = self.aws.client("s3")
        with failing_as(f"deleting S3 Bucket {self.title} ({identifier})", "s3"):
            try:
                self.remove(s3, identifier)
                if self.waits:
                    self.get(s3, identifier)
            except ClientError as error:
                if error_code(error) not in self.missing:
                    raise


def _schema(*inputs: Property, outputs: tuple[str, ...] = (), refused: tuple[str, ...] = ()) -> Schema:
    return Schema(
        inputs=(_BUCKET, *inputs),
        outputs=("region", *outputs),
        not_implemented=frozenset({"region", *refused}),
    )


def _only_parts(shape: Shape) -> Callable[[str, PropertyValue], str | None]:
    """Make a validator that refuses parts which are not implemented, in an object or in each of several."""

    def validate(name: str, value: PropertyValue) -> str | None:
        items = value if isinstance(value, list) else [value]
        unknown = sorted({part for item in items for part in _other_parts(item, shape)})
        return not_implemented("aws", f"{', '.join(unknown)} of {name}") if unknown else None

    return validate


def _other_parts(value: PropertyValue, shape: Shape) -> Iterator[str]:
    for name, part in value.items() if isinstance(value, dict) else ():
        if name not in shape:
            yield name
        elif (below := shape[name]) is not None:
            yield from _other_parts(part, below)


def _same_parts(old: PropertyValue, new: PropertyValue) -> bool:
    """Compare without what says nothing: an empty text or object, false or zero where nothing was given."""
    return _said(old) == _said(new)


def _said(value: PropertyValue) -> PropertyValue:
    if isinstance(value, list):
        return [_said(item) for item in value]
    if isinstance(value, dict):
        parts = {name: _said(part) for name, part in value.items()}
        return {name: part for name, part in parts.items() if part not in (None, "", False, 0, {})}
    return value


def _api_name(name: str) -> str:
    return _NAMES.get(name, f"{name[:1].upper()}{name[1:]}")


def _to_api(value: PropertyValue) -> Any:
    """Return an object of Pulumi's in S3's words."""
    if isinstance(value, list):
        return [_to_api(item) for item in value]
    if isinstance(value, dict):
        return {_api_name(name): _to_api(part) for name, part in value.items() if part is not None}
    return value


def _from_api(value: Any, shape: Shape) -> PropertyMap:
    """Return an object of S3's in Pulumi's words, as far as it is implemented."""
    found: PropertyMap = {}
    for name, below in shape.items():
        part = value.get(_api_name(name))
        if part is not None:
            found[name] = part if below is None else _from_api(part, below)
    return found


class BucketVersioning(BucketSetting):
    """Whether a bucket keeps former versions. Deleted, it is suspended: S3 has no way back to never."""

    token = "aws:s3/bucketVersioning:BucketVersioning"  # noqa: S105 - a type's name
    title: ClassVar[str] = "Versioning"
    waits: ClassVar[bool] = False
    schema: ClassVar[Schema] = _schema(
        Property(
            "versioningConfiguration",
            "object",
            required=True,
            validators=(_only_parts(_VERSIONING),),
            same=_same_parts,
        ),
        refused=("expectedBucketOwner", "mfa"),
    )

    @override
    def put(self, s3: "S3Client", bucket: str, inputs: PropertyMap) -> None:
        configuration = _to_api(inputs["versioningConfiguration"])
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=configuration)

    @override
    def get(self, s3: "S3Client", bucket: str) -> PropertyMap:
        status = s3.get_bucket_versioning(Bucket=bucket).get("Status", "Disabled")
        return {"versioningConfiguration": {"status": status}}

    @override
    def remove(self, s3: "S3Client", bucket: str) -> None:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


class BucketPublicAccessBlock(BucketSetting):
    """What keeps a bucket from being opened to the public."""

    token = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"  # noqa: S105
    title: ClassVar[str] = "Public Access Block"
    missing: ClassVar[frozenset[str]] = frozenset({"NoSuchBucket", "NoSuchPublicAccessBlockConfiguration"})
    blocks: ClassVar[tuple[str, ...]] = (
        "blockPublicAcls",
        "blockPublicPolicy",
        "ignorePublicAcls",
        "restrictPublicBuckets",
    )
    schema: ClassVar[Schema] = _schema(
        *(Property(name, "boolean", default=False) for name in blocks), refused=("skipDestroy",)
    )

    @override
    def put(self, s3: "S3Client", bucket: str, inputs: PropertyMap) -> None:
        blocks: Any = {_api_name(name): inputs.get(name) is True for name in self.blocks}
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocks)

    @override
    def get(self, s3: "S3Client", bucket: str) -> PropertyMap:
        found = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        return _from_api(found, dict.fromkeys(self.blocks))

    @override
    def remove(self, s3: "S3Client", bucket: str) -> None:
        s3.delete_public_access_block(Bucket=bucket)


class BucketServerSideEncryptionConfiguration(BucketSetting):
    """What a bucket encrypts with by default. Deleted, that is S3's own choice again."""

    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"  # noqa: S105
    title: ClassVar[str] = "Server-side Encryption Configuration"
    missing: ClassVar[frozenset[str]] = frozenset(
        {"NoSuchBucket", "ServerSideEncryptionConfigurationNotFoundError"}
    )
    waits: ClassVar[bool] = False
    schema: ClassVar[Schema] = _schema(
        Property("rules", "objects", required=True, validators=(_only_parts(_ENCRYPTION),), same=_same_parts),
        refused=("expectedBucketOwner",),
    )

    @override
    def put(self, s3: "S3Client", bucket: str, inputs: PropertyMap) -> None:
        s3.put_bucket_encryption(
            Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": _to_api(inputs["rules"])}
        )

    @override
    def get(self, s3: "S3Client", bucket: str) -> PropertyMap:
        found = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        return {"rules": [_from_api(rule, _ENCRYPTION) for rule in found]}

    @override
    def remove(self, s3: "S3Client", bucket: str) -> None:
        s3.delete_bucket_encryption(Bucket=bucket)


class BucketOwnershipControls(BucketSetting):
    """Who owns the objects of a bucket."""

    token = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"  # noqa: S105
    title: ClassVar[str] = "Ownership Controls"
    missing: ClassVar[frozenset[str]] = frozenset({"NoSuchBucket", "OwnershipControlsNotFoundError"})
    schema: ClassVar[Schema] = _schema(
        Property("rule", "object", required=True, validators=(_only_parts(_OWNERSHIP),))
    )

    @override
    def put(self, s3: "S3Client", bucket: str, inputs: PropertyMap) -> None:
        s3.put_bucket_ownership_controls(
            Bucket=bucket, OwnershipControls={"Rules": [_to_api(inputs["rule"])]}
        )

    @override
    def get(self, s3: "S3Client", bucket: str) -> PropertyMap:
        found = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
        return {"rule": _from_api(found[0], _OWNERSHIP)}

    @override
    def remove(self, s3: "S3Client", bucket: str) -> None:
        s3.delete_bucket_ownership_controls(Bucket=bucket)


class BucketPolicy(BucketSetting):
    """The policy of a bucket."""

    token = "aws:s3/bucketPolicy:BucketPolicy"  # noqa: S105
    title: ClassVar[str] = "Policy"
    missing: ClassVar[frozenset[str]] = frozenset({"NoSuchBucket", "NoSuchBucketPolicy"})
    schema: ClassVar[Schema] = _schema(policy_property("policy", required=True))

    @override
    def put(self, s3: "S3Client", bucket: str, inputs: PropertyMap) -> None:
        s3.put_bucket_policy(Bucket=bucket, Policy=str(inputs["policy"]))

    @override
    def get(self, s3: "S3Client", bucket: str) -> PropertyMap:
        return {"policy": s3.get_bucket_policy(Bucket=bucket)["Policy"]}

    @override
    def remove(self, s3: "S3Client", bucket: str) -> None:
        s3.delete_bucket_policy(Bucket=bucket)


def _rules(name: str, value: PropertyValue) -> str | None:
    """Validate what S3 and the real plugin ask of every rule: an id and a status, and something to do."""
    for rule in value if isinstance(value, list) else []:
        if not isinstance(rule, dict) or any(isinstance(part, Unknown) for part in rule.values()):
            continue
        if not rule.get("id"):
            return f'{name}: The argument "id" is required, but no definition was found.'
        if (wrong := one_of("Enabled", "Disabled")(f"{name}.status", rule.get("status"))) is not None:
            return wrong
        if not rule.keys() & {"abortIncompleteMultipartUpload", "expiration", "noncurrentVersionExpiration"}:
            return f"{name}: At least one action needs to be specified in a rule"
    return None


class BucketLifecycleConfiguration(BucketSetting):
    """When the objects of a bucket end.

    The real plugin waits up to three minutes until S3 tells all rules, and here they are told at once.
    """

    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"  # noqa: S105
    title: ClassVar[str] = "Lifecycle Configuration"
    missing: ClassVar[frozenset[str]] = frozenset({"NoSuchBucket", "NoSuchLifecycleConfiguration"})
    schema: ClassVar[Schema] = _schema(
        Property(
            "rules", "objects", required=True, validators=(_only_parts(_LIFECYCLE), _rules), same=_same_parts
        ),
        Property(
            "transitionDefaultMinimumObjectSize",
            computed=True,
            validators=(only(_SMALLEST_TO_MOVE, "aws"),),
        ),
        refused=("expectedBucketOwner", "timeouts"),
    )

    @override
    def put(self, s3: "S3Client", bucket: str, inputs: PropertyMap) -> None:
        s3.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": _to_api(inputs["rules"])}
        )

    @override
    def get(self, s3: "S3Client", bucket: str) -> PropertyMap:
        found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
        return {
            "rules": [_from_api(rule, _LIFECYCLE) for rule in found["Rules"]],
            "transitionDefaultMinimumObjectSize": found.get(
                "TransitionDefaultMinimumObjectSize", _SMALLEST_TO_MOVE
            ),
        }

    @override
    def remove(self, s3: "S3Client", bucket: str) -> None:
        s3.delete_bucket_lifecycle(Bucket=bucket)

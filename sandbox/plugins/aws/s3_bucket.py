"""``aws:s3/bucket:Bucket``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from typing_extensions import override

from sandbox.plugins.aws.api import error_code, failing_as
from sandbox.plugins.aws.resource_type import AwsResourceType
from sandbox.plugins.aws.tags import tag_outputs, tags_of
from sandbox.plugins.bridged_schema import Autonaming, Property, Schema
from sandbox.plugins.property_values import PropertyMap
from sandbox.plugins.provider import Created, PartialFailureError, ProviderError, Resource
from sandbox.plugins.validation import length_between, only

if TYPE_CHECKING:
    from mypy_boto3_s3.literals import BucketLocationConstraintType

DEFAULT_REGION = "us-east-1"
"""The region that a bucket is in unless its creation names another one."""

_NO_SETTING = frozenset(
    {
        "NoSuchBucketPolicy",
        "NoSuchCORSConfiguration",
        "NoSuchLifecycleConfiguration",
        "NoSuchTagSet",
        "NoSuchWebsiteConfiguration",
        "ObjectLockConfigurationNotFoundError",
        "ReplicationConfigurationNotFoundError",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)
_READS = (
    "get_bucket_policy",
    "get_bucket_acl",
    "get_bucket_cors",
    "get_bucket_website",
    "get_bucket_versioning",
    "get_bucket_accelerate_configuration",
    "get_bucket_request_payment",
    "get_bucket_logging",
    "get_bucket_lifecycle_configuration",
    "get_bucket_replication",
    "get_bucket_encryption",
    "get_object_lock_configuration",
)
"""What the real plugin reads of a bucket each time, whatever it is for, in its order
(terraform-provider-aws, internal/service/s3/bucket.go)."""


class Bucket(AwsResourceType):
    """A bucket; its id is its name. What other resources set on it is none of its inputs here.

    The real plugin asks S3 Control for tags first, and without the rights to that (s3:ListTagsForResource,
    s3:TagResource, s3:UntagResource) goes back to what it asked before, which is what is asked here
    (terraform-provider-aws 6.24, CHANGELOG).
    """

    token = "aws:s3/bucket:Bucket"  # noqa: S105 - a type's name
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("bucket", replaces=True, validators=(length_between(0, 63),)),
            Property(
                "forceDestroy",
                "boolean",
                default=False,
                read_back=False,
                validators=(only(False, "aws"),),
            ),
            Property("tags", "map"),
        ),
        outputs=(
            "arn",
            "bucketDomainName",
            "bucketPrefix",
            "bucketRegion",
            "bucketRegionalDomainName",
            "objectLockEnabled",
            "region",
            "requestPayer",
            "tagsAll",
        ),
        not_implemented=frozenset(
            {
                "accelerationStatus",
                "acl",
                "bucketNamespace",
                "bucketPrefix",
                "corsRules",
                "grants",
                "lifecycleRules",
                "logging",
                "objectLockConfiguration",
                "objectLockEnabled",
                "policy",
                "region",
                "replicationConfiguration",
                "requestPayer",
                "serverSideEncryptionConfiguration",
                "versioning",
                "website",
            }
        ),
        autonaming=Autonaming(maximum_length=63, of="bucket", lower_case=True),
    )

    @override
    def make(self, inputs: PropertyMap) -> Created:
        name = str(inputs["bucket"])
        s3 = self.aws.client("s3")
        with failing_as(f"creating S3 Bucket ({name})", "s3"):
            if self.aws.region == DEFAULT_REGION:
                s3.create_bucket(Bucket=name)
            else:
                region = cast("BucketLocationConstraintType", self.aws.region)
                s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
        state: PropertyMap = {**inputs, "tagsAll": inputs.get("tags", {})}
        try:
            if tags_of(inputs):
                with failing_as(f"setting S3 Bucket ({name}) tags", "s3"):
                    self._put_tags(name, inputs)
            return Created(name, self.recorded(name, state))
        except ProviderError as error:
            raise PartialFailureError(str(error), name, state) from error

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        from botocore.exceptions import ClientError

        s3 = self.aws.client("s3")
        with failing_as(f"reading S3 Bucket ({identifier})", "s3"):
            try:
                s3.head_bucket(Bucket=identifier)
            except ClientError as error:
                if error_code(error) in {"404", "NoSuchBucket"}:
                    return None
                raise
        with failing_as(f"reading S3 Bucket ({identifier})", "s3"):
            for read in _READS:
                self._read(read, identifier)
            tags = self._tags(identifier)
        return {
            "arn": f"arn:{self.aws.partition}:s3:::{identifier}",
            "bucket": identifier,
            "bucketDomainName": f"{identifier}.s3.amazonaws.com",
            "bucketPrefix": "",
            "bucketRegion": self.aws.region,
            "bucketRegionalDomainName": f"{identifier}.s3.{self.aws.region}.amazonaws.com",
            "objectLockEnabled": False,
            "region": self.aws.region,
            "requestPayer": "BucketOwner",
            **tag_outputs(tags),
        }

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        if tags_of(state) == tags_of(inputs):
            return
        with failing_as(f"updating tags for S3 Bucket ({identifier})", "s3"):
            if tags_of(inputs):
                self._put_tags(identifier, inputs)
            else:
                self.aws.client("s3").delete_bucket_tagging(Bucket=identifier)

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        from botocore.exceptions import ClientError

        s3 = self.aws.client("s3")
        with failing_as(f"deleting S3 Bucket ({identifier})", "s3"):
            try:
                s3.delete_bucket(Bucket=identifier)
                # As the real plugin, which waits until the deletion is seen.
                s3.head_bucket(Bucket=identifier)
            except ClientError as error:
                if error_code(error) not in {"404", "NoSuchBucket"}:
                    raise

    def _read(self, read: str, name: str) -> object:
        from botocore.exceptions import ClientError

        try:
            return getattr(self.aws.client("s3"), read)(Bucket=name)
        except ClientError as error:
            if error_code(error) not in _NO_SETTING:
                raise
            return None

    def _tags(self, name: str) -> Sequence[tuple[str, str]]:
        found = self._read("get_bucket_tagging", name)
        tags = found["TagSet"] if isinstance(found, dict) else []
        return [(tag["Key"], tag["Value"]) for tag in tags]

    def _put_tags(self, name: str, inputs: PropertyMap) -> None:
        # Whoever replaces all tags has to keep those that AWS made itself.
        kept = [(key, value) for key, value in self._tags(name) if key.startswith("aws:")]
        tags = [*kept, *tags_of(inputs).items()]
        self.aws.client("s3").put_bucket_tagging(
            Bucket=name, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in tags]}
        )

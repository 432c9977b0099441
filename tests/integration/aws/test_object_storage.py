"""S3 and the real rclone: what a job may write with, and that it can do nothing else."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.aws.buckets import (
    PREFIX,
    WRITING,
    Bucket,
    Rclone,
    make_bucket,
    snapshot_role,
    writing,
)
from tests.integration.aws.running_cloud import Cloud, allow, document, refusal

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SMALL = b"a snapshot"
LARGE = bytes(range(256)) * 24 * 1024
"""6 MiB: two parts of rclone's size."""
IN_PARTS = {"RCLONE_S3_UPLOAD_CUTOFF": "5Mi", "RCLONE_S3_CHUNK_SIZE": "5Mi"}


@pytest.fixture(scope="module")
def bucket(cloud: Cloud) -> Bucket:
    return make_bucket(cloud)


@pytest.fixture
def rclone(cloud: Cloud, tmp_path: Path) -> Rclone:
    (tmp_path / "small").write_bytes(SMALL)
    (tmp_path / "large").write_bytes(LARGE)
    return Rclone(cloud, tmp_path)


def encrypted_with(key: str) -> dict[str, str]:
    return {"RCLONE_S3_SERVER_SIDE_ENCRYPTION": "aws:kms", "RCLONE_S3_SSE_KMS_KEY_ID": key}


@pytest.mark.parametrize(("source", "content"), [("small", SMALL), ("large", LARGE)])
def test_a_role_that_may_only_write_uploads_and_an_administrator_reads(
    cloud: Cloud, bucket: Bucket, rclone: Rclone, source: str, content: bytes
) -> None:
    role = snapshot_role(cloud, *writing(bucket))
    key = f"{PREFIX}of a role/{source}.snap"
    settings = WRITING | IN_PARTS | encrypted_with(bucket.key_arn)
    result = rclone.copy(f"{rclone.folder}/{source}", f":s3:{bucket.name}/{key}", role, **settings)
    assert result.returncode == 0, result.stderr
    reader = cloud.user(allow("s3:*"), allow("kms:Decrypt", resource=bucket.key_arn))
    found = cloud.s3(reader.credentials).get_object(Bucket=bucket.name, Key=key)
    assert found["Body"].read() == content
    assert found["ServerSideEncryption"] == "aws:kms"
    assert found["SSEKMSKeyId"] == bucket.key_arn


@pytest.mark.parametrize(
    ("source", "without", "missing"),
    [
        ("small", "s3:PutObject", "s3:PutObject"),
        ("small", "kms:GenerateDataKey", "kms:GenerateDataKey"),
        ("large", "kms:GenerateDataKey", "kms:GenerateDataKey"),
        ("large", "kms:Decrypt", "kms:Decrypt"),
    ],
)
def test_each_missing_right_is_refused(
    cloud: Cloud, bucket: Bucket, rclone: Rclone, source: str, without: str, missing: str
) -> None:
    user = cloud.user(*writing(bucket, without=without))
    key = f"{PREFIX}refused/{without}"
    settings = WRITING | IN_PARTS | encrypted_with(bucket.key_arn)
    result = rclone.copy(
        f"{rclone.folder}/{source}", f":s3:{bucket.name}/{key}", user.credentials, **settings
    )
    assert result.returncode != 0
    assert f"is not authorized to perform: {missing} on resource" in result.stderr
    assert "Contents" not in cloud.s3().list_objects_v2(Bucket=bucket.name, Prefix=key)


def test_a_small_file_needs_no_right_to_decrypt(cloud: Cloud, bucket: Bucket, rclone: Rclone) -> None:
    user = cloud.user(*writing(bucket, without="kms:Decrypt"))
    destination = f":s3:{bucket.name}/{PREFIX}small"
    settings = WRITING | encrypted_with(bucket.key_arn)
    result = rclone.copy(f"{rclone.folder}/small", destination, user.credentials, **settings)
    assert result.returncode == 0, result.stderr


def test_a_multi_part_upload_that_fails_is_aborted(cloud: Cloud, bucket: Bucket, rclone: Rclone) -> None:
    """Which takes a right of its own: its parts would stay, and cost."""
    for without, left in (("kms:Decrypt", 0), ("s3:AbortMultipartUpload", 1)):
        statements = [each for each in writing(bucket) if each["Action"] not in (["kms:Decrypt"], [without])]
        user = cloud.user(*statements)
        key = f"{PREFIX}aborted/{without}"
        settings = WRITING | IN_PARTS | encrypted_with(bucket.key_arn)
        destination = f":s3:{bucket.name}/{key}"
        rclone.copy(f"{rclone.folder}/large", destination, user.credentials, **settings)
        uploads = cloud.s3().list_multipart_uploads(Bucket=bucket.name, Prefix=key).get("Uploads", [])
        assert len(uploads) == left


@pytest.mark.parametrize("setting", WRITING)
def test_settings_without_which_the_right_to_write_is_not_enough(
    cloud: Cloud, bucket: Bucket, rclone: Rclone, setting: str
) -> None:
    user = cloud.user(*writing(bucket))
    settings = {**WRITING, **encrypted_with(bucket.key_arn), setting: "false"}
    destination = f":s3:{bucket.name}/{PREFIX}{setting}"
    result = rclone.copy(f"{rclone.folder}/small", destination, user.credentials, **settings)
    assert result.returncode != 0, setting


def test_the_bucket_encrypts_by_default_but_rclone_has_to_know(
    cloud: Cloud, bucket: Bucket, rclone: Rclone
) -> None:
    """An ETag under a key of KMS' is no MD5, for which rclone takes it otherwise."""
    user = cloud.user(*writing(bucket))
    destination = f":s3:{bucket.name}/{PREFIX}untold"
    result = rclone.copy(f"{rclone.folder}/small", destination, user.credentials, **WRITING)
    assert result.returncode != 0
    assert "corrupted on transfer" in result.stderr


def test_the_writer_reads_nothing_back(cloud: Cloud, bucket: Bucket, rclone: Rclone) -> None:
    user = cloud.user(*writing(bucket))
    key = f"{PREFIX}mine"
    settings = WRITING | encrypted_with(bucket.key_arn)
    assert not rclone.copy(
        f"{rclone.folder}/small", f":s3:{bucket.name}/{key}", user.credentials, **settings
    ).returncode
    back = rclone.copy(f":s3:{bucket.name}/{key}", f"{rclone.folder}/back", user.credentials)
    assert back.returncode != 0
    assert not (rclone.folder / "back").exists()
    s3 = cloud.s3(user.credentials)
    for action, resource, call in (
        ("GetObject", f"{bucket.arn}/{key}", lambda: s3.get_object(Bucket=bucket.name, Key=key)),
        ("DeleteObject", f"{bucket.arn}/{key}", lambda: s3.delete_object(Bucket=bucket.name, Key=key)),
        ("ListBucket", bucket.arn, lambda: s3.list_objects_v2(Bucket=bucket.name)),
        ("ListBucketVersions", bucket.arn, lambda: s3.list_object_versions(Bucket=bucket.name)),
        ("PutObject", f"{bucket.arn}/other", lambda: s3.put_object(Bucket=bucket.name, Key="other")),
    ):
        message = (
            f'User: {user.arn} is not authorized to perform: s3:{action} on resource: "{resource}" because '
            f"no identity-based policy allows the s3:{action} action"
        )
        with refusal("AccessDenied", message):
            call()


def test_who_may_not_list_does_not_learn_what_is_not_there(cloud: Cloud, bucket: Bucket) -> None:
    reading = allow("s3:GetObject", resource=f"{bucket.arn}/*")
    listing = allow("s3:ListBucket", resource=bucket.arn)
    with refusal("AccessDenied"):
        cloud.s3(cloud.user(reading).credentials).get_object(Bucket=bucket.name, Key="nothing")
    with refusal("NoSuchKey"):
        cloud.s3(cloud.user(reading, listing).credentials).get_object(Bucket=bucket.name, Key="nothing")
    with refusal("403"):
        cloud.s3(cloud.user(reading).credentials).head_object(Bucket=bucket.name, Key="nothing")
    with refusal("NoSuchBucket"):
        cloud.s3().list_objects_v2(Bucket="no-such-bucket-anywhere")


@pytest.fixture
def guarded(cloud: Cloud) -> Bucket:
    """A bucket whose policy denies what doesn't come over TLS or isn't encrypted as it should be."""
    bucket = make_bucket(cloud)
    everything = [bucket.arn, f"{bucket.arn}/*"]
    in_clear = {"Bool": {"aws:SecureTransport": "false"}}
    unlike = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
    statements = [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": everything, "Condition": in_clear},
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": everything[1],
            "Condition": unlike,
        },
    ]
    cloud.s3().put_bucket_policy(Bucket=bucket.name, Policy=document(*statements))
    return bucket


def test_a_bucket_policy_is_evaluated_with_its_conditions(
    cloud: Cloud, guarded: Bucket, rclone: Rclone
) -> None:
    user = cloud.user(*writing(guarded))
    destination = f":s3:{guarded.name}/{PREFIX}x"
    source = f"{rclone.folder}/large"
    refused = rclone.copy(source, destination, user.credentials, **WRITING, **IN_PARTS)
    assert "with an explicit deny in a resource-based policy" in refused.stderr
    told = WRITING | IN_PARTS | encrypted_with(guarded.key_arn)
    taken = rclone.copy(source, destination, user.credentials, **told)
    assert taken.returncode == 0, taken.stderr
    s3 = cloud.session().client("s3", endpoint_url=cloud.url)
    s3.head_bucket(Bucket=guarded.name)
    s3.meta.events.register("before-send", _without_tls)
    with refusal("403"):
        s3.head_bucket(Bucket=guarded.name)


def _without_tls(request: Any, **_: object) -> None:
    request.headers["X-Forwarded-Proto"] = "http"


def test_a_bucket_policy_that_s3_would_not_take(cloud: Cloud, bucket: Bucket) -> None:
    s3 = cloud.s3()
    with refusal("MalformedPolicy", "Policy has invalid resource"):
        policy = document(allow("s3:GetObject", resource="arn:aws:s3:::other/*", Principal="*"))
        s3.put_bucket_policy(Bucket=bucket.name, Policy=policy)
    with refusal("AccessDenied"):
        policy = document(allow("s3:GetObject", resource=f"{bucket.arn}/*", Principal="*"))
        s3.put_bucket_policy(Bucket=bucket.name, Policy=policy)
    with refusal("MalformedPolicy", "Invalid principal in policy"):
        nobody = {"AWS": "arn:aws:iam::123456789012:role/nobody"}
        policy = document(allow("s3:GetObject", resource=f"{bucket.arn}/*", Principal=nobody))
        s3.put_bucket_policy(Bucket=bucket.name, Policy=policy)


def test_names_and_locations_of_buckets(cloud: Cloud, bucket: Bucket) -> None:
    s3: S3Client = cloud.s3()
    here = {"LocationConstraint": cloud.session().region_name}
    with refusal("BucketAlreadyOwnedByYou"):
        s3.create_bucket(Bucket=bucket.name, CreateBucketConfiguration=here)  # type: ignore[arg-type] # a literal
    with refusal("InvalidBucketName"):
        s3.create_bucket(Bucket="Not_A_Name", CreateBucketConfiguration=here)  # type: ignore[arg-type]
    with refusal("IllegalLocationConstraintException"):
        s3.create_bucket(Bucket="somewhere-else-entirely")
    cloud.s3().put_object(Bucket=bucket.name, Key="a", Body=b"b")
    with refusal("BucketNotEmpty"):
        s3.delete_bucket(Bucket=bucket.name)


def test_an_upload_belongs_to_the_key_that_it_was_begun_for(cloud: Cloud, bucket: Bucket) -> None:
    s3 = cloud.s3(cloud.user(*writing(bucket)).credentials)
    upload = s3.create_multipart_upload(Bucket=bucket.name, Key=f"{PREFIX}x")["UploadId"]
    with refusal("NoSuchUpload"):
        s3.upload_part(
            Bucket=bucket.name, Key=f"{PREFIX}y", UploadId=upload, PartNumber=1, Body=b"of another"
        )
    s3.abort_multipart_upload(Bucket=bucket.name, Key=f"{PREFIX}x", UploadId=upload)


def test_a_key_that_is_off_encrypts_nothing(cloud: Cloud) -> None:
    bucket = make_bucket(cloud)
    cloud.kms().disable_key(KeyId=bucket.key_arn.rpartition("/")[2])
    user = cloud.user(*writing(bucket))
    with pytest.raises(ClientError, match=r"KMS\.DisabledException"):
        cloud.s3(user.credentials).put_object(Bucket=bucket.name, Key=f"{PREFIX}x", Body=b"x")

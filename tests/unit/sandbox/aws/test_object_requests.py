"""Which bucket, key and operation a request to S3 is about."""

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from sandbox.aws.error_responses import AwsError
from sandbox.aws.object_requests import bucket_of_host, object_operation, path_with_bucket

HOST = "s3.eu-west-1.amazonaws.com"


def operation(method: str, url: str, host: str = HOST, **headers: str) -> tuple[str, str, str]:
    """Operation, bucket and key."""
    path, _, query = url.partition("?")
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    builder = EnvironBuilder(path, f"https://{host}", query, method, headers=named)
    name, parameters = object_operation(Request(builder.get_environ()), path)
    return name, str(parameters["Bucket"]), str(parameters["Key"])


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        (HOST, None),
        ("s3.amazonaws.com", None),
        ("127.0.0.1:5000", None),
        ("kms.eu-west-1.amazonaws.com", None),
        (f"backups.{HOST}", "backups"),
        (f"backups.{HOST}:443", "backups"),
        ("backups.s3.amazonaws.com", "backups"),
        (f"a.b-c.{HOST}", "a.b-c"),
    ],
)
def test_a_host_may_name_a_bucket(host: str, bucket: str | None) -> None:
    assert bucket_of_host(host) == bucket
    assert path_with_bucket(host, "/a%20b") == (f"/{bucket}/a%20b" if bucket else "/a%20b")


def test_both_forms_of_an_address_are_the_same_request() -> None:
    expected = ("PutObject", "backups", "vault/a b+ü")
    assert operation("PUT", "/backups/vault/a%20b%2B%C3%BC") == expected
    assert operation("PUT", "/vault/a%20b%2B%C3%BC?x-id=PutObject", f"backups.{HOST}") == expected


@pytest.mark.parametrize(
    ("method", "url", "expected"),
    [
        ("HEAD", "/b", "HeadBucket"),
        ("HEAD", "/b/", "HeadBucket"),
        ("GET", "/b?list-type=2&prefix=a", "ListObjectsV2"),
        ("GET", "/b?prefix=a", "ListObjects"),
        ("GET", "/b?versions&prefix=a", "ListObjectVersions"),
        ("GET", "/b?uploads", "ListMultipartUploads"),
        ("PUT", "/b?publicAccessBlock", "PutPublicAccessBlock"),
        ("HEAD", "/b/k", "HeadObject"),
        ("GET", "/b/k?versionId=1", "GetObject"),
        ("POST", "/b/k?uploads", "CreateMultipartUpload"),
        ("PUT", "/b/k?uploadId=u&partNumber=1", "UploadPart"),
        ("POST", "/b/k?uploadId=u", "CompleteMultipartUpload"),
        ("DELETE", "/b/k?uploadId=u", "AbortMultipartUpload"),
        ("DELETE", "/b/k", "DeleteObject"),
    ],
)
def test_the_sub_resource_decides(method: str, url: str, expected: str) -> None:
    assert operation(method, url)[0] == expected


@pytest.mark.parametrize(
    ("method", "url"),
    [("GET", "/"), ("PUT", "/b?acl"), ("POST", "/b?delete"), ("GET", "/b/k?acl"), ("PATCH", "/b/k")],
)
def test_what_the_sandbox_does_not_have_is_refused(method: str, url: str) -> None:
    with pytest.raises(AwsError, match="NotImplemented"):
        operation(method, url)


def test_a_copy_is_refused() -> None:
    with pytest.raises(AwsError, match="NotImplemented"):
        operation("PUT", "/b/k", x_amz_copy_source="/b/other")


def test_a_bucket_of_somebody_else_is_not_the_expected_one() -> None:
    with pytest.raises(AwsError, match="AccessDenied"):
        operation("PUT", "/b/k", x_amz_expected_bucket_owner="210987654321")

"""S3's requests: bucket and key from host and path, the operation from method and sub-resource.

Sources: virtual hosting (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html) and the
API reference (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html).
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from werkzeug.wrappers import Request

from sandbox.aws.account import ACCOUNT_ID
from sandbox.aws.error_responses import AwsError, not_implemented

PARAMETERS = frozenset(
    {
        "continuation-token",
        "delimiter",
        "encoding-type",
        "fetch-owner",
        "key-marker",
        "list-type",
        "marker",
        "max-keys",
        "max-parts",
        "part-number-marker",
        "partNumber",
        "prefix",
        "start-after",
        "upload-id-marker",
        "uploadId",
        "version-id-marker",
        "versionId",
        "x-id",
    }
)
"""What a query string has beside a sub-resource. ``x-id`` is a note of the SDKs."""

_HOST = re.compile(r"(?:(?P<bucket>[a-z0-9.-]+)\.)?s3(?:\.[a-z0-9-]+)?\.amazonaws\.com")

_BUCKET_OPERATIONS: Mapping[tuple[str, str], str] = {
    ("DELETE", ""): "DeleteBucket",
    ("DELETE", "encryption"): "DeleteBucketEncryption",
    ("DELETE", "lifecycle"): "DeleteBucketLifecycle",
    ("DELETE", "ownershipControls"): "DeleteBucketOwnershipControls",
    ("DELETE", "policy"): "DeleteBucketPolicy",
    ("DELETE", "publicAccessBlock"): "DeletePublicAccessBlock",
    ("DELETE", "tagging"): "DeleteBucketTagging",
    ("GET", ""): "ListObjects",
    ("GET", "accelerate"): "GetBucketAccelerateConfiguration",
    ("GET", "acl"): "GetBucketAcl",
    ("GET", "cors"): "GetBucketCors",
    ("GET", "encryption"): "GetBucketEncryption",
    ("GET", "lifecycle"): "GetBucketLifecycleConfiguration",
    ("GET", "location"): "GetBucketLocation",
    ("GET", "logging"): "GetBucketLogging",
    ("GET", "object-lock"): "GetObjectLockConfiguration",
    ("GET", "ownershipControls"): "GetBucketOwnershipControls",
    ("GET", "policy"): "GetBucketPolicy",
    ("GET", "publicAccessBlock"): "GetPublicAccessBlock",
    ("GET", "replication"): "GetBucketReplication",
    ("GET", "requestPayment"): "GetBucketRequestPayment",
    ("GET", "tagging"): "GetBucketTagging",
    ("GET", "uploads"): "ListMultipartUploads",
    ("GET", "versioning"): "GetBucketVersioning",
    ("GET", "versions"): "ListObjectVersions",
    ("GET", "website"): "GetBucketWebsite",
    ("HEAD", ""): "HeadBucket",
    ("PUT", ""): "CreateBucket",
    ("PUT", "encryption"): "PutBucketEncryption",
    ("PUT", "lifecycle"): "PutBucketLifecycleConfiguration",
    ("PUT", "ownershipControls"): "PutBucketOwnershipControls",
    ("PUT", "policy"): "PutBucketPolicy",
    ("PUT", "publicAccessBlock"): "PutPublicAccessBlock",
    ("PUT", "tagging"): "PutBucketTagging",
    ("PUT", "versioning"): "PutBucketVersioning",
}

_OBJECT_OPERATIONS: Mapping[tuple[str, str], str] = {
    ("DELETE", ""): "DeleteObject",
    ("GET", ""): "GetObject",
    ("HEAD", ""): "HeadObject",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("PUT", ""): "PutObject",
}

_UPLOAD_OPERATIONS: Mapping[str, str] = {
    "DELETE": "AbortMultipartUpload",
    "GET": "ListParts",
    "POST": "CompleteMultipartUpload",
    "PUT": "UploadPart",
}


def bucket_of_host(host: str) -> str | None:
    """Return the bucket that a host name has in front; None for a host of no bucket, or not of S3's."""
    found = _HOST.fullmatch(host.partition(":")[0].lower())
    return found["bucket"] if found is not None else None


def path_with_bucket(host: str, path: str) -> str:
    """Return the path that the request would have at S3's own host name; both are percent-encoded."""
    bucket = bucket_of_host(host)
    return path if bucket is None else f"/{bucket}{path}"


def object_operation(request: Request, path: str) -> tuple[str, Mapping[str, object]]:
    """Return the operation and its parameters: ``Bucket``, ``Key``, the query's, and the headers of S3's own.

    ``path`` is percent-encoded, as it was sent. Header names are in lower case. Raises AwsError
    (NotImplemented) for an operation that the sandbox doesn't have.
    """
    bucket, _, key = path_with_bucket(request.host, path)[1:].partition("/")
    query = request.args.to_dict()
    headers = {
        name.lower(): value for name, value in request.headers.items() if name.lower().startswith("x-amz-")
    }
    sub_resources = sorted(set(query) - PARAMETERS)
    sub_resource = sub_resources[0] if sub_resources else ""
    if len(sub_resources) > 1 or not bucket or "x-amz-copy-source" in headers:
        operation = None
    elif not key:
        operation = _BUCKET_OPERATIONS.get((request.method, sub_resource))
        if operation == "ListObjects" and query.get("list-type") == "2":
            operation = "ListObjectsV2"
    elif "uploadId" in query:
        operation = _UPLOAD_OPERATIONS.get(request.method)
    else:
        operation = _OBJECT_OPERATIONS.get((request.method, sub_resource))
    if operation is None:
        what = (
            f"{request.method} of {'an object' if key else 'a bucket'} with {sub_resources} and its headers"
        )
        raise not_implemented("rest-xml", what)
    _check_owner(headers)
    return operation, {**headers, **query, "Bucket": unquote(bucket), "Key": unquote(key)}


def _check_owner(headers: Mapping[str, str]) -> None:
    if headers.get("x-amz-expected-bucket-owner", ACCOUNT_ID) != ACCOUNT_ID:
        raise AwsError("AccessDenied", "Access Denied", 403)

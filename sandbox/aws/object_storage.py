"""S3 as far as moto lacks it: which permissions a request takes, and what new buckets and objects are like.

Sources: the service authorization reference (list_amazons3.html), the user guide on what requests need
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html), on keys of KMS
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html) and on multi-part uploads
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html).
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

from moto.kms.models import Key
from moto.s3.models import FakeBucket

from sandbox.aws import key_management, moto_state
from sandbox.aws.account import ACCOUNT_ID, PARTITION
from sandbox.aws.error_responses import AwsError
from sandbox.aws.policy_conditions import ContextValue
from sandbox.aws.policy_document import MalformedPolicyError, parse_policy
from sandbox.aws.request_context import ServiceRequest
from sandbox.aws.resource_policies import UnknownPrincipalError, existing_principals

ACTIONS: Mapping[str, str] = {
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
}
"""The actions of IAM's that aren't named as the operation is."""

OF_A_VERSION = frozenset({"DeleteObject", "GetObject", "HeadObject"})
UPLOADING = frozenset({"CompleteMultipartUpload", "CreateMultipartUpload", "PutObject", "UploadPart"})
OF_AN_UPLOAD = frozenset({"AbortMultipartUpload", "CompleteMultipartUpload", "ListParts", "UploadPart"})

KEY_OPERATIONS: Mapping[str, str] = {
    "CompleteMultipartUpload": "Decrypt",
    "CreateMultipartUpload": "GenerateDataKey",
    "GetObject": "Decrypt",
    "HeadObject": "Decrypt",
    "PutObject": "GenerateDataKey",
    "UploadPart": "Decrypt",
}
"""What a request uses an object's key for: parts are read before they are put together."""

ENCRYPTION = "x-amz-server-side-encryption"
ENCRYPTION_KEY = "x-amz-server-side-encryption-aws-kms-key-id"

_HEADER_KEYS: Mapping[str, Sequence[str]] = {
    "CreateBucket": ("x-amz-acl", "x-amz-object-ownership"),
    "CreateMultipartUpload": ("x-amz-acl", ENCRYPTION, ENCRYPTION_KEY, "x-amz-storage-class"),
    "PutObject": ("x-amz-acl", ENCRYPTION, ENCRYPTION_KEY, "x-amz-storage-class"),
}
"""The headers that are condition keys, ``s3:`` in front, of the operations that take them."""

_LIST_KEYS = ("prefix", "delimiter", "max-keys")
_BUCKET_NAME = re.compile(r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_PAYMENT = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<RequestPaymentConfiguration '
    b'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Payer>BucketOwner</Payer></RequestPaymentConfiguration>'
)
_OWNED = "bucket-owner-full-control"
_ACL_DISABLED = "BucketOwnerEnforced"


def find_bucket(call: ServiceRequest) -> FakeBucket | None:
    """Find the bucket that a request is about."""
    return moto_state.find_bucket(call.required_text("Bucket"))


def bucket_arn(call: ServiceRequest) -> str:
    """Return the ARN of the request's bucket, which may not exist."""
    return f"arn:{PARTITION}:s3:::{call.required_text('Bucket')}"


def actions_and_resources(call: ServiceRequest) -> Sequence[tuple[str, str]]:
    """Return the actions of S3's that a request needs, each with its resource."""
    action = ACTIONS.get(call.operation, call.operation)
    if call.text("versionId") and call.operation in OF_A_VERSION:
        action += "Version"
    bucket = bucket_arn(call)
    key = call.text("Key")
    found = [(f"s3:{action}", f"{bucket}/{key}" if key else bucket)]
    if call.text("x-amz-acl") and call.operation != "CreateBucket":
        found.append(("s3:PutObjectAcl", found[0][1]))
    if call.text("x-amz-tagging"):
        found.append(("s3:PutObjectTagging", found[0][1]))
    if call.operation == "CreateBucket":
        if call.text("x-amz-acl"):
            found.append(("s3:PutBucketAcl", bucket))
        if call.text("x-amz-object-ownership"):
            found.append(("s3:PutBucketOwnershipControls", bucket))
    return found


def condition_keys(call: ServiceRequest) -> Mapping[str, ContextValue]:
    """Return the condition keys that such a request has, in lower case.

    The parts of an upload and its end are judged by what the upload was begun with: their own requests have
    no such header, and policies that ask for one are common. (A conclusion, not a sentence of a document.)
    """
    context: dict[str, ContextValue] = {
        "aws:resourceaccount": ACCOUNT_ID,
        "s3:resourceaccount": ACCOUNT_ID,
        "s3:authtype": "REST-HEADER",
        "s3:signatureversion": "AWS4-HMAC-SHA256",
        "s3:x-amz-content-sha256": call.text("x-amz-content-sha256"),
    }
    if call.operation in ("UploadPart", "CompleteMultipartUpload"):
        algorithm, key = _begun_with(call) or (None, None)
        context |= {
            "s3:x-amz-acl": None,
            f"s3:{ENCRYPTION}": algorithm,
            f"s3:{ENCRYPTION_KEY}": key,
            "s3:x-amz-storage-class": None,
        }
    for header in _HEADER_KEYS.get(call.operation, ()):
        context[f"s3:{header}"] = call.text(header)
    if ACTIONS.get(call.operation) in ("ListBucket", "ListBucketVersions"):
        context |= {f"s3:{name}": call.text(name) for name in _LIST_KEYS}
    return context


def key_use(call: ServiceRequest) -> tuple[str, Key, Mapping[str, ContextValue]] | None:
    """Return KMS' operation on the caller's behalf, the key and the context of the request; None if none.

    Raises AwsError where there is no such key, or it can't be used now.
    """
    operation = KEY_OPERATIONS.get(call.operation)
    bucket = find_bucket(call)
    if operation is None or bucket is None:
        return None
    algorithm, identifier = _encryption(call, bucket)
    if algorithm != "aws:kms" or not identifier or identifier == "alias/aws/s3":
        return None
    try:
        key = key_management.find_key(replace(call, operation=operation), identifier)
    except AwsError as error:
        raise AwsError("KMS.NotFoundException", error.message) from error
    if key.key_state != "Enabled":
        code = "DisabledException" if key.key_state == "Disabled" else "KMSInvalidStateException"
        raise AwsError(f"KMS.{code}", f"{key.arn} is {key.key_state}.")
    by_bucket = moto_state.bucket_key_enabled(bucket)
    arn = bucket_arn(call) if by_bucket else f"{bucket_arn(call)}/{call.text('Key')}"
    return (
        operation,
        key,
        {
            "aws:viaawsservice": "true",
            "kms:calleraccount": ACCOUNT_ID,
            "kms:resourcealiases": tuple(key.aliases),
            "kms:viaservice": f"s3.{call.region}.amazonaws.com",
            "kms:encryptioncontext:aws:s3:arn": arn,
            "kms:encryptioncontextkeys": ("aws:s3:arn",),
        },
    )


def _encryption(call: ServiceRequest, bucket: FakeBucket) -> tuple[str | None, str | None]:
    """Return the algorithm and the key of what is written or read."""
    if call.operation in ("GetObject", "HeadObject"):
        return moto_state.object_encryption(bucket, str(call.text("Key")), call.text("versionId"))
    begun = _begun_with(call) if call.operation in OF_AN_UPLOAD else None
    algorithm, key = begun or (call.text(ENCRYPTION), call.text(ENCRYPTION_KEY))
    by_default = moto_state.default_encryption(bucket)
    if algorithm is None:
        return by_default
    return algorithm, key or (by_default[1] if algorithm == by_default[0] else None)


def _begun_with(call: ServiceRequest) -> tuple[str | None, str | None] | None:
    bucket = find_bucket(call)
    if bucket is None:
        return None
    return moto_state.upload_encryption(bucket, str(call.text("Key")), call.required_text("uploadId"))


def check_request(call: ServiceRequest, body: bytes, *, may_list: bool) -> None:
    """Raise AwsError where S3 would refuse an authorized request and moto would not.

    ``may_list`` says whether the caller has s3:ListBucket, without which nobody learns what isn't there.
    """
    bucket = find_bucket(call)
    if call.operation == "CreateBucket":
        _check_name(call.required_text("Bucket"))
        return
    if bucket is None:
        raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404)
    if bucket.region_name != call.region:
        raise AwsError(
            "PermanentRedirect",
            "The bucket you are attempting to access must be addressed using the specified endpoint. Please "
            "send all future requests to this endpoint.",
            301,
        )
    key = call.text("Key")
    reading = call.operation in ("GetObject", "HeadObject")
    if reading and not may_list and not moto_state.has_object(bucket, str(key), call.text("versionId")):
        raise AwsError("AccessDenied", "Access Denied", 403)
    if call.operation in OF_AN_UPLOAD and _begun_with(call) is None:
        raise AwsError(
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
            "aborted or completed.",
            404,
        )
    acl = call.text("x-amz-acl")
    if acl not in (None, _OWNED) and moto_state.ownership(bucket) == _ACL_DISABLED:
        raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")
    if call.operation == "PutBucketPolicy":
        _check_policy(call, bucket, body)


def own_answer(call: ServiceRequest) -> bytes | None:
    """Return the XML of an answer that moto can't give, or not fully; None where it can."""
    bucket = find_bucket(call)
    if bucket is None:
        return None
    if call.operation == "GetBucketRequestPayment":
        return _PAYMENT
    return moto_state.kept_lifecycle(bucket) if call.operation == "GetBucketLifecycleConfiguration" else None


def complete(call: ServiceRequest, body: bytes) -> str | None:
    """Give what moto has just made the properties that it has in S3; returns the ETag of a new object."""
    bucket = find_bucket(call)
    if bucket is None:
        return None
    if call.operation == "CreateBucket":
        # Since April 2023: https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html.
        moto_state.give_bucket_defaults(bucket, call.text("x-amz-object-ownership") or _ACL_DISABLED)
    elif call.operation == "PutBucketLifecycleConfiguration":
        moto_state.keep_lifecycle(bucket, body)
    elif call.operation == "DeleteBucketEncryption":
        moto_state.encrypt_by_default(bucket)
    elif call.operation in ("PutObject", "CompleteMultipartUpload"):
        key = str(call.text("Key"))
        if moto_state.object_encryption(bucket, key, None)[0] == "aws:kms":
            # Under a key of KMS' an ETag is no digest of the content (API_Object.html).
            return moto_state.set_etag(bucket, key, secrets.token_hex(16))
    return None


def _check_name(name: str) -> None:
    if not _BUCKET_NAME.fullmatch(name) or _ADDRESS.fullmatch(name):
        raise AwsError("InvalidBucketName", "The specified bucket is not valid.")


def _check_policy(call: ServiceRequest, bucket: FakeBucket, body: bytes) -> None:
    try:
        policy = parse_policy(body.decode())
        existing_principals(policy)
    except (MalformedPolicyError, UnicodeDecodeError) as error:
        raise AwsError("MalformedPolicy", str(error)) from error
    except UnknownPrincipalError as error:
        raise AwsError("MalformedPolicy", "Invalid principal in policy") from error
    arn = bucket_arn(call)
    for statement in policy.statements:
        if statement.principals is None:
            raise AwsError("MalformedPolicy", "Missing required field Principal")
        named = statement.resources or statement.not_resources
        if not named or any(name != arn and not name.startswith(f"{arn}/") for name in named):
            raise AwsError("MalformedPolicy", "Policy has invalid resource")
        if any(not action.lower().startswith("s3:") and action != "*" for action in statement.actions):
            raise AwsError("MalformedPolicy", "Policy has invalid action")
        to_anyone = statement.effect == "Allow" and statement.principals.anyone and not statement.conditions
        if to_anyone and moto_state.blocks_public_policy(bucket):
            raise AwsError("AccessDenied", "Access Denied", 403)

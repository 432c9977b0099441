"""Cloud Storage's refusals, which have the older form of Google's errors.

https://cloud.google.com/storage/docs/json_api/v1/status-codes.
"""

from sandbox.google.api_errors import GoogleError
from sandbox.google.rest_routes import Caller


def forbidden(caller: Caller, permission: str, kind: str) -> GoogleError:
    """Make the error for a caller who may not; ``kind`` is ``bucket`` or ``object``."""
    who = caller.member.partition(":")[2] or "Anonymous caller"
    return GoogleError(
        "PERMISSION_DENIED",
        f"{who} does not have {permission} access to the Google Cloud Storage {kind}. Permission "
        f"'{permission}' denied on resource (or it may not exist).",
        compute_reason="forbidden",
    )


def no_bucket() -> GoogleError:
    """Make the error for a bucket that there isn't."""
    return GoogleError("NOT_FOUND", "The specified bucket does not exist.", compute_reason="notFound")


def no_object(bucket: str, name: str) -> GoogleError:
    """Make the error for an object that there isn't."""
    return GoogleError("NOT_FOUND", f"No such object: {bucket}/{name}", compute_reason="notFound")


def conflict(message: str) -> GoogleError:
    """Make the error for what the state of a bucket doesn't allow."""
    return GoogleError("ALREADY_EXISTS", message, compute_reason="conflict")


def invalid(message: str) -> GoogleError:
    """Make the error for a request that is wrong by itself."""
    return GoogleError("INVALID_ARGUMENT", message, compute_reason="invalid")


def key_refused() -> GoogleError:
    """Make the error for a key that Cloud Storage itself may not use."""
    return GoogleError(
        "PERMISSION_DENIED",
        "Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service account has been "
        "authorized to use this key.",
        compute_reason="forbidden",
    )

"""Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sandbox.aws.error_responses import AwsError, Protocol, wrong_signature
from sandbox.aws.object_content import STREAMING

ALGORITHM = "AWS4-HMAC-SHA256"
CLOCK_SKEW = timedelta(minutes=5)
TIMESTAMP_FORMAT = "%Y%m%dT%H%M%SZ"
NOT_HASHED = frozenset({"UNSIGNED-PAYLOAD", STREAMING})
"""What S3's clients may send instead of a body's hash, which TLS makes superfluous.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
"""


@dataclass(frozen=True)
class Authorization:
    """The Authorization header of a signed request."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


@dataclass(frozen=True)
class HttpRequest:
    """The parts of a request that a signature covers, as they were sent; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def parse_authorization(header: str, protocol: Protocol) -> Authorization:
    """Read an Authorization header; raises AwsError if it is no complete Signature Version 4."""
    algorithm, _, rest = header.partition(" ")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    credential = fields.get("Credential", "").split("/")
    signed_headers = tuple(fields.get("SignedHeaders", "").split(";"))
    if (
        algorithm != ALGORITHM
        or len(credential) != 5
        or credential[4] != "aws4_request"
        or not {"host", "x-amz-date"} <= set(signed_headers)
        or not fields.get("Signature")
    ):
        code = "IncompleteSignature" if protocol in ("query", "ec2") else "IncompleteSignatureException"
        raise AwsError(code, f"The Authorization header is not a complete {ALGORITHM} signature.")
    access_key_id, date, region, service, _ = credential
    return Authorization(access_key_id, date, region, service, signed_headers, fields["Signature"])


def verify_signature(
    request: HttpRequest,
    authorization: Authorization,
    secret_access_key: str,
    protocol: Protocol,
    now: datetime,
) -> None:
    """Raise AwsError if a request was not signed with this secret within five minutes of ``now``."""
    timestamp = request.headers.get("x-amz-date", "")
    try:
        signed_at = datetime.strptime(timestamp, TIMESTAMP_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise wrong_signature(protocol, "The request's X-Amz-Date is not a date.") from error
    if timestamp[:8] != authorization.date:
        raise wrong_signature(
            protocol, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date"
        )
    if abs(now - signed_at) > CLOCK_SKEW:
        problem = "Signature expired" if signed_at < now else "Signature not yet current"
        raise wrong_signature(
            protocol, f"{problem}: {timestamp} against {now.strftime(TIMESTAMP_FORMAT)} (5 min.)"
        )
    expected = signature(request, authorization, secret_access_key)
    # botocore takes the word of this header for the body's hash, if the client has signed it.
    stated_hash = request.headers.get("x-amz-content-sha256")
    if authorization.service == "s3":
        _require_signed(request, authorization)
    accepted = {None, hashlib.sha256(request.body).hexdigest()}
    if authorization.service == "s3":
        accepted = (accepted - {None}) | NOT_HASHED
    if not hmac.compare_digest(expected, authorization.signature) or stated_hash not in accepted:
        raise wrong_signature(protocol)


def _require_signed(request: HttpRequest, authorization: Authorization) -> None:
    """Raise AwsError if a request to S3 has a header of S3's own that isn't signed."""
    own = {name for name in request.headers if name.startswith("x-amz-")}
    if unsigned := own - set(authorization.signed_headers):
        raise AwsError(
            "AccessDenied",
            f"There were headers present in the request which were not signed: {', '.join(sorted(unsigned))}",
            403,
        )


def signature(request: HttpRequest, authorization: Authorization, secret_access_key: str) -> str:
    """Compute the signature, in hexadecimal, that the holder of the secret gives to a request."""
    headers = {name: request.headers.get(name, "") for name in authorization.signed_headers}
    url = f"https://{headers['host']}{request.path}?{request.query}"
    sent = AWSRequest(request.method, url, headers, request.body)
    sent.context["timestamp"] = headers["x-amz-date"]
    credentials = Credentials(authorization.access_key_id, secret_access_key)
    # S3 signs paths as they are, others normalise them first.
    kind = S3SigV4Auth if authorization.service == "s3" else SigV4Auth
    signer = kind(credentials, authorization.service, authorization.region)
    return signer.signature(signer.string_to_sign(sent, signer.canonical_request(sent)), sent)

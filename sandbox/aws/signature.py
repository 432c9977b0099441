"""Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

from sandbox.aws.error_responses import AwsError, Protocol, wrong_signature

ALGORITHM = "AWS4-HMAC-SHA256"
CLOCK_SKEW = timedelta(minutes=5)
TIMESTAMP_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Authorization:
    """The Authorization header of a signed request."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str

    @property
    def scope(self) -> str:
        """The credential scope, that is what the signing key is good for."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True)
class HttpRequest:
    """The parts of a request that a signature covers, as they were sent; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def parse_authorization(header: str, protocol: Protocol) -> Authorization:
    """Read an Authorization header; raises AwsError where it is no complete Signature Version 4."""
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
    """Raise AwsError where a request was not signed with this secret within five minutes of ``now``."""
    timestamp = request.headers.get("x-amz-date", "")
    try:
        signed_at = datetime.strptime(timestamp, TIMESTAMP_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise wrong_signature(protocol, "The request's X-Amz-Date is not a date.") from error
    if not timestamp.startswith(authorization.date):
        raise wrong_signature(
            protocol, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date"
        )
    if abs(now - signed_at) > CLOCK_SKEW:
        problem = "Signature expired" if signed_at < now else "Signature not yet current"
        raise wrong_signature(
            protocol, f"{problem}: {timestamp} against {now.strftime(TIMESTAMP_FORMAT)} (5 min.)"
        )
    expected = signature(request, authorization, secret_access_key)
    if not hmac.compare_digest(expected, authorization.signature):
        raise wrong_signature(protocol)


def signature(request: HttpRequest, authorization: Authorization, secret_access_key: str) -> str:
    """The signature, in hexadecimal, that the holder of the secret computes for a request."""
    canonical_request = "\n".join(
        [
            request.method,
            # The path is encoded once more than it was sent, by every service but S3.
            quote(request.path, safe="/~"),
            _canonical_query(request.query),
            *(
                f"{name}:{_canonical_value(request.headers.get(name, ''))}"
                for name in authorization.signed_headers
            ),
            "",
            ";".join(authorization.signed_headers),
            hashlib.sha256(request.body).hexdigest(),
        ]
    )
    text = "\n".join(
        [
            ALGORITHM,
            request.headers.get("x-amz-date", ""),
            authorization.scope,
            hashlib.sha256(canonical_request.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{secret_access_key}".encode()
    for part in authorization.scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _canonical_query(query: str) -> str:
    pairs = [
        (quote(name, safe="~"), quote(value, safe="~"))
        for name, value in parse_qsl(query, keep_blank_values=True)
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _canonical_value(value: str) -> str:
    return re.sub(r"\s+", " ", value.strip())

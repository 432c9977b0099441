"""Signatures, held against those that botocore makes."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sandbox.aws.error_responses import AwsError
from sandbox.aws.signature import (
    TIMESTAMP_FORMAT,
    Authorization,
    HttpRequest,
    parse_authorization,
    verify_signature,
)

SECRET = "a-secret-of-the-tests"


def signed(
    url: str = "http://127.0.0.1:14566/",
    *,
    method: str = "POST",
    body: bytes = b"{}",
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[HttpRequest, Authorization, datetime]:
    """A request that botocore signed, and when."""
    given = {"X-Amz-Target": "TrentService.ListKeys", "Odd": "  two   spaces ", **(headers or {})}
    request = AWSRequest(method, url, given, body)
    SigV4Auth(Credentials("AKIATEST", SECRET, token), "kms", "ap-northeast-2").add_auth(request)
    parts = urlsplit(url)
    sent = {name.lower(): value for name, value in request.headers.items()} | {"host": parts.netloc}
    authorization = parse_authorization(sent.pop("authorization"), "json")
    at = datetime.strptime(sent["x-amz-date"], TIMESTAMP_FORMAT).replace(tzinfo=UTC)
    return HttpRequest(method, parts.path, parts.query, sent, body), authorization, at


def changed(request: HttpRequest, **changes: object) -> HttpRequest:
    return HttpRequest(**(vars(request) | changes))


@pytest.mark.parametrize(
    ("url", "method"),
    [
        ("http://127.0.0.1:14566/", "POST"),
        ("https://eks.ap-northeast-2.amazonaws.com/clusters/a", "GET"),
        ("https://eks.ap-northeast-2.amazonaws.com/tags/arn%3Aaws%3Aeks%3Acluster%2Fa", "GET"),
        ("https://iam.amazonaws.com/?Version=2010-05-08&Action=GetRole&RoleName=a%20b&Empty=", "GET"),
    ],
)
def test_a_signature_of_botocore_is_good(url: str, method: str) -> None:
    for token in (None, "session/token+with=signs"):
        request, authorization, at = signed(url, method=method, token=token)
        verify_signature(request, authorization, SECRET, "json", at)


def test_another_secret_or_a_changed_request_is_refused() -> None:
    request, authorization, at = signed()
    verify_signature(request, authorization, SECRET, "json", at)
    for other in (
        changed(request, method="PUT"),
        changed(request, path="/other"),
        changed(request, query="a=b"),
        changed(request, body=b"{ }"),
        changed(request, headers={**request.headers, "x-amz-target": "TrentService.CreateKey"}),
    ):
        with pytest.raises(AwsError, match="InvalidSignatureException"):
            verify_signature(other, authorization, SECRET, "json", at)
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        verify_signature(request, authorization, SECRET[:-1], "query", at)


def test_a_body_of_another_hash_than_the_signed_one_is_refused() -> None:
    request, authorization, at = signed(headers={"X-Amz-Content-SHA256": hashlib.sha256(b"{}").hexdigest()})
    verify_signature(request, authorization, SECRET, "json", at)
    with pytest.raises(AwsError, match="InvalidSignatureException"):
        verify_signature(changed(request, body=b"{ }"), authorization, SECRET, "json", at)


def test_a_header_that_was_signed_and_is_missing_is_refused() -> None:
    request, authorization, at = signed()
    headers = {name: value for name, value in request.headers.items() if name != "x-amz-target"}
    with pytest.raises(AwsError, match="InvalidSignatureException"):
        verify_signature(changed(request, headers=headers), authorization, SECRET, "json", at)


def test_a_signature_for_another_region_service_or_day_is_refused() -> None:
    request, authorization, at = signed()
    for other in (
        replace(authorization, region="eu-central-1"),
        replace(authorization, service="iam"),
        replace(authorization, date="20200101"),
        replace(authorization, date=authorization.date[:4]),
    ):
        with pytest.raises(AwsError, match="InvalidSignatureException"):
            verify_signature(request, other, SECRET, "json", at)


def test_a_signature_is_good_for_five_minutes() -> None:
    request, authorization, at = signed()
    verify_signature(request, authorization, SECRET, "json", at + timedelta(minutes=4))
    with pytest.raises(AwsError, match="Signature expired"):
        verify_signature(request, authorization, SECRET, "json", at + timedelta(minutes=6))
    with pytest.raises(AwsError, match="not yet current"):
        verify_signature(request, authorization, SECRET, "json", at - timedelta(minutes=6))


@pytest.mark.parametrize(
    "header",
    [
        "Bearer token",
        "AWS4-HMAC-SHA256 Credential=A/20250101/r/kms/aws4_request, Signature=00",
        "AWS4-HMAC-SHA256 Credential=A/20250101/kms/aws4_request, SignedHeaders=host;x-amz-date, Signature=0",
        "AWS4-HMAC-SHA256 Credential=A/20250101/r/kms/aws4_request, SignedHeaders=x-amz-date, Signature=00",
        "AWS4-HMAC-SHA256 Credential=A/20250101/r/k/aws4_request, SignedHeaders=host;x-amz-date, Signature=",
    ],
)
def test_an_incomplete_signature_is_refused(header: str) -> None:
    with pytest.raises(AwsError, match="IncompleteSignature"):
        parse_authorization(header, "query")


def signed_for_s3() -> tuple[HttpRequest, Authorization, datetime]:
    """An upload that botocore signed, of a name that isn't its own normal form, and when."""
    url = "https://backups.s3.ap-northeast-2.amazonaws.com/vault//a%20b/../c"
    request = AWSRequest("PUT", url, {"x-amz-acl": "private"}, b"content")
    S3SigV4Auth(Credentials("AKIATEST", SECRET), "s3", "ap-northeast-2").add_auth(request)
    parts = urlsplit(url)
    sent = {name.lower(): value for name, value in request.headers.items()} | {"host": parts.netloc}
    authorization = parse_authorization(sent.pop("authorization"), "rest-xml")
    at = datetime.strptime(sent["x-amz-date"], TIMESTAMP_FORMAT).replace(tzinfo=UTC)
    return HttpRequest("PUT", parts.path, parts.query, sent, b"content"), authorization, at


def test_s3_signs_paths_as_they_are_and_bodies_by_their_hash() -> None:
    request, authorization, at = signed_for_s3()
    verify_signature(request, authorization, SECRET, "rest-xml", at)
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        verify_signature(changed(request, body=b"other"), authorization, SECRET, "rest-xml", at)
    unhashed = {**request.headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        verify_signature(changed(request, headers=unhashed), authorization, SECRET, "rest-xml", at)


def test_every_header_of_s3_is_signed() -> None:
    request, authorization, at = signed_for_s3()
    more = {**request.headers, "x-amz-server-side-encryption": "aws:kms"}
    with pytest.raises(AwsError, match="which were not signed: x-amz-server-side-encryption"):
        verify_signature(changed(request, headers=more), authorization, SECRET, "rest-xml", at)

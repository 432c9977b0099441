"""What an upload to S3 says of its content, and whether it is so."""

import base64
import hashlib
import zlib

import pytest

from sandbox.aws.error_responses import AwsError
from sandbox.aws.object_content import STREAMING, check_content

CONTENT = b"a snapshot"
CRC = base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big")).decode()
MD5 = base64.b64encode(hashlib.md5(CONTENT, usedforsecurity=False).digest()).decode()
SHA = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
CHUNKED = b"4\r\na sn\r\n6\r\napshot\r\n0\r\nx-amz-checksum-crc32:" + CRC.encode() + b"\r\n\r\n"
HEADERS = {
    "x-amz-content-sha256": STREAMING,
    "x-amz-decoded-content-length": str(len(CONTENT)),
    "x-amz-trailer": "x-amz-checksum-crc32",
}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, CONTENT),
        ({"content-md5": MD5}, CONTENT),
        ({"x-amz-checksum-sha256": SHA, "x-amz-checksum-algorithm": "SHA256"}, CONTENT),
        (HEADERS, CHUNKED),
        ({**HEADERS, "content-md5": MD5}, CHUNKED),
    ],
)
def test_what_is_right_is_taken(headers: dict[str, str], body: bytes) -> None:
    check_content(headers, body)


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"content-md5": MD5}, b"another", "BadDigest"),
        ({"x-amz-checksum-crc32": CRC}, b"another", "BadDigest"),
        ({"x-amz-checksum-crc32c": CRC}, CONTENT, "NotImplemented"),
        (HEADERS, CHUNKED.replace(b"apshot", b"apshut"), "BadDigest"),
        ({**HEADERS, "x-amz-decoded-content-length": "11"}, CHUNKED, "IncompleteBody"),
        ({**HEADERS, "x-amz-trailer": "x-amz-checksum-sha256"}, CHUNKED, "MalformedTrailerError"),
        (HEADERS, CHUNKED[:20], "InvalidRequest"),
    ],
)
def test_what_is_wrong_is_refused(headers: dict[str, str], body: bytes, code: str) -> None:
    with pytest.raises(AwsError, match=code):
        check_content(headers, body)

"""The content of an upload to S3, out of a body that may have the form "aws-chunked", and its checksums.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html.
"""

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping

from sandbox.aws.error_responses import AwsError, not_implemented

STREAMING = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")
_CHECKSUM = "x-amz-checksum-"

_ALGORITHMS: Mapping[str, Callable[[bytes], bytes]] = {
    "crc32": lambda content: zlib.crc32(content).to_bytes(4, "big"),
    "sha1": lambda content: hashlib.sha1(content, usedforsecurity=False).digest(),
    "sha256": lambda content: hashlib.sha256(content).digest(),
}


def check_content(headers: Mapping[str, str], body: bytes) -> None:
    """Raise AwsError if an upload isn't what its length, MD5 and checksums say.

    Header names are in lower case.
    """
    trailer: Mapping[str, str] = {}
    content = body
    if headers.get("x-amz-content-sha256") == STREAMING:
        content, trailer = _unchunked(body)
        if headers.get("x-amz-decoded-content-length") != str(len(content)):
            raise AwsError(
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP header",
            )
        announced = headers.get("x-amz-trailer", "")
        if announced not in trailer:
            raise AwsError(
                "MalformedTrailerError", "The request contained trailing data that was not well-formed"
            )
    # S3's choice, against accidents only.
    digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    if headers.get("content-md5", digest) != digest:
        raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")
    for name, value in {**headers, **trailer}.items():
        algorithm = name.removeprefix(_CHECKSUM)
        if name.startswith(_CHECKSUM) and algorithm not in ("algorithm", "mode", "type"):
            _check(algorithm, value, content)


def _check(algorithm: str, value: str, content: bytes) -> None:
    if algorithm not in _ALGORITHMS:
        raise not_implemented("rest-xml", f"The checksum {algorithm}")
    if base64.b64encode(_ALGORITHMS[algorithm](content)).decode() != value:
        raise AwsError(
            "BadDigest", f"The {algorithm.upper()} you specified did not match the calculated checksum."
        )


def _unchunked(body: bytes) -> tuple[bytes, Mapping[str, str]]:
    """Return the content and the trailer. Raises AwsError (InvalidRequest) for another form."""
    content, position = b"", 0
    while (found := _SIZE.match(body, position)) is not None:
        start = found.end()
        size = int(found[1], 16)
        if size == 0:
            fields = (line.partition(":") for line in body[start:].decode("latin-1").splitlines() if line)
            return content, {name.strip().lower(): value.strip() for name, _, value in fields}
        content += body[start : start + size]
        position = start + size + 2
    raise AwsError("InvalidRequest", "The body is not in the form aws-chunked.")

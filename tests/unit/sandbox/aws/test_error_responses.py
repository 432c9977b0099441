"""The shapes of errors, as botocore's parsers read them."""

import pytest
from botocore.parsers import create_parser

from sandbox.aws import error_responses
from sandbox.aws.error_responses import AwsError, Protocol, error_response
from sandbox.aws.request_context import service_model


@pytest.mark.parametrize(
    ("service", "protocol", "operation"),
    [
        ("kms", "json", "Encrypt"),
        ("iam", "query", "GetRole"),
        ("sts", "query", "AssumeRoleWithWebIdentity"),
        ("ec2", "ec2", "DescribeVpcs"),
        ("eks", "rest-json", "DescribeCluster"),
        ("s3", "rest-xml", "GetObject"),
    ],
)
def test_sdks_read_code_and_message(service: str, protocol: Protocol, operation: str) -> None:
    response = error_response(AwsError("SomeCode", "a <message> & more"), service, protocol)
    output = service_model(service).operation_model(operation).output_shape
    assert output is not None
    parsed = create_parser(protocol).parse(
        {
            "body": response.get_data(),
            "headers": {name.lower(): value for name, value in response.headers.items()},
            "status_code": response.status_code,
        },
        output,
    )
    assert parsed["Error"]["Code"] == "SomeCode"
    assert parsed["Error"]["Message"] == "a <message> & more"


@pytest.mark.parametrize(
    ("protocol", "codes"),
    [
        (
            "json",
            [
                ("UnrecognizedClientException", 400),
                ("InvalidSignatureException", 400),
                ("ExpiredTokenException", 400),
                ("AccessDeniedException", 400),
            ],
        ),
        (
            "rest-xml",
            [
                ("InvalidAccessKeyId", 403),
                ("SignatureDoesNotMatch", 403),
                ("ExpiredToken", 400),
                ("AccessDenied", 403),
            ],
        ),
        (
            "query",
            [
                ("InvalidClientTokenId", 403),
                ("SignatureDoesNotMatch", 403),
                ("ExpiredToken", 403),
                ("AccessDenied", 403),
            ],
        ),
        (
            "ec2",
            [
                ("AuthFailure", 401),
                ("AuthFailure", 401),
                ("RequestExpired", 400),
                ("UnauthorizedOperation", 403),
            ],
        ),
        (
            "rest-json",
            [
                ("UnrecognizedClientException", 403),
                ("InvalidSignatureException", 403),
                ("ExpiredTokenException", 403),
                ("AccessDeniedException", 403),
            ],
        ),
    ],
)
def test_codes_differ_by_protocol(protocol: Protocol, codes: list[tuple[str, int]]) -> None:
    errors = [
        error_responses.unknown_caller(protocol),
        error_responses.wrong_signature(protocol),
        error_responses.expired_credentials(protocol),
        error_responses.access_denied(protocol, "arn", "kms:Encrypt", "*", "because"),
    ]
    assert [(error.code, error.status) for error in errors] == codes

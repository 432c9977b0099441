"""AWS's own errors: their codes differ by protocol, and so do their shapes.

Protocols: https://smithy.io/2.0/aws/protocols/index.html (awsJson1_1 for KMS and Secrets Manager, awsQuery
for IAM and STS, ec2Query for EC2, restJson1 for EKS, restXml for S3). Codes of refused callers: the Common
Errors page of each service's API reference, for example
https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html, and
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
"""

import json
from typing import Literal
from uuid import uuid4
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from sandbox.errors import SandboxError

Protocol = Literal["json", "query", "ec2", "rest-json", "rest-xml"]

QUERY_NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}

SIGNATURE_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)


class AwsError(SandboxError):
    """An answer other than success, as a client of AWS sees it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def error_response(error: AwsError, service: str, protocol: Protocol) -> Response:
    """Write an error in the shape of a service's protocol."""
    request_id = str(uuid4())
    headers = {"x-amzn-RequestId": request_id}
    if protocol == "json":
        body = json.dumps({"__type": error.code, "message": error.message})
        return Response(body, error.status, headers, content_type="application/x-amz-json-1.1")
    if protocol == "rest-json":
        headers["x-amzn-ErrorType"] = error.code
        body = json.dumps({"message": error.message})
        return Response(body, error.status, headers, content_type="application/json")
    code, message = escape(error.code), escape(error.message)
    if protocol == "rest-xml":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{request_id}</RequestId>"
            f"<HostId>{request_id}</HostId></Error>"
        )
        headers = {"x-amz-request-id": request_id, "x-amz-id-2": request_id}
        return Response(body, error.status, headers, content_type="application/xml")
    if protocol == "ec2":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
    else:
        fault = "Sender" if error.status < 500 else "Receiver"
        body = (
            f'<ErrorResponse xmlns="{QUERY_NAMESPACES.get(service, "")}">'
            f"<Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return Response(body, error.status, headers, content_type="text/xml")


def unknown_caller(protocol: Protocol) -> AwsError:
    """Make the error for an access key that does not exist, is inactive or has a wrong session token."""
    if protocol == "ec2":
        return AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    if protocol == "rest-xml":
        return AwsError(
            "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403
        )
    code = "InvalidClientTokenId" if protocol == "query" else "UnrecognizedClientException"
    return AwsError(code, "The security token included in the request is invalid.", _refused(protocol))


def wrong_signature(protocol: Protocol, message: str = SIGNATURE_MISMATCH) -> AwsError:
    """Make the error for a request signed with another secret or too long ago, or changed on its way."""
    if protocol == "ec2":
        return AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    code = "SignatureDoesNotMatch" if protocol in ("query", "rest-xml") else "InvalidSignatureException"
    return AwsError(code, message, _refused(protocol))


def missing_authentication(protocol: Protocol) -> AwsError:
    """Make the error for a request that is not signed."""
    if protocol == "ec2":
        return AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    if protocol == "query":
        return AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    if protocol == "rest-xml":
        # Who signs nothing is anonymous to S3, and may be allowed something; here never.
        return AwsError("AccessDenied", "Access Denied", 403)
    return AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", _refused(protocol))


def expired_credentials(protocol: Protocol) -> AwsError:
    """Temporary credentials past their end."""
    if protocol == "ec2":
        return AwsError("RequestExpired", "Request has expired.")
    if protocol == "rest-xml":
        return AwsError("ExpiredToken", "The provided token has expired.")
    code = "ExpiredToken" if protocol == "query" else "ExpiredTokenException"
    return AwsError(code, "The security token included in the request is expired", _refused(protocol))


def access_denied(
    protocol: Protocol, caller_arn: str, action: str, resource: str, reason: str = ""
) -> AwsError:
    """Make the error for a request that policies do not allow; ``reason`` says which, if AWS does."""
    named = f'"{resource}"' if protocol == "rest-xml" else resource
    message = f"User: {caller_arn} is not authorized to perform: {action} on resource: {named} {reason}"
    message = message.rstrip()
    if protocol == "ec2":
        return AwsError(
            "UnauthorizedOperation", f"You are not authorized to perform this operation. {message}", 403
        )
    code = "AccessDenied" if protocol in ("query", "rest-xml") else "AccessDeniedException"
    return AwsError(code, message, _refused(protocol))


def not_implemented(protocol: Protocol, what: str) -> AwsError:
    """Make the error for something that only the real AWS has; ``what`` is the subject of a sentence."""
    if protocol == "rest-xml":
        return AwsError("NotImplemented", f"{what} is not implemented by the sandbox's AWS.", 501)
    code = "UnsupportedOperation" if protocol in ("query", "ec2") else "UnsupportedOperationException"
    return AwsError(code, f"{what} is not implemented by the sandbox's AWS.")


def _refused(protocol: Protocol) -> int:
    """HTTP status of a refused caller: services on awsJson answer 400 to all that is the client's fault."""
    return 400 if protocol == "json" else 403
